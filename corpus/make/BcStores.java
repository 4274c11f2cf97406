// Writes BouncyCastle keystores that keytool alone cannot: several passwords, secret keys, bytes protected before, BCFKS with
// other derivations and ciphers.
//   java -cp bcprov.jar [-Dkdf=scrypt] [-Dcipher=kwp] BcStores.java OUT TYPE PASSWORD ENTRY...
//   ENTRY   key:ALIAS:FILE.p12:KEYPASSWORD   secret:ALIAS:ALGORITHM:BYTES:KEYPASSWORD   cert:ALIAS:FILE.pem
//           bytes:ALIAS:FILE:FILE.p12        the bytes of a file as a key that is protected already, with a chain
// A password written as - is empty. The PKCS#12 files have the password "changeit".
import java.io.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.util.*;
import org.bouncycastle.jcajce.BCFKSLoadStoreParameter;

public class BcStores {
    public static void main(String[] a) throws Exception {
        Security.addProvider(new org.bouncycastle.jce.provider.BouncyCastleProvider());
        KeyStore store = KeyStore.getInstance(a[1], "BC");
        char[] password = word(a[2]);
        store.load(null, password);
        for (int i = 3; i < a.length; i++) {
            String[] e = a[i].split(":");
            switch (e[0]) {
                case "key" -> {
                    KeyStore p12 = p12(e[2]);
                    String alias = p12.aliases().nextElement();
                    store.setKeyEntry(e[1], p12.getKey(alias, word("changeit")), word(e[3]), p12.getCertificateChain(alias));
                }
                case "secret" -> {
                    byte[] key = new byte[Integer.parseInt(e[3])];
                    new SecureRandom().nextBytes(key);
                    store.setKeyEntry(e[1], new SecretKeySpec(key, e[2]), word(e[4]), null);
                }
                case "cert" -> {
                    try (InputStream in = new FileInputStream(e[2])) {
                        store.setCertificateEntry(e[1], CertificateFactory.getInstance("X.509").generateCertificate(in));
                    }
                }
                case "bytes" -> {
                    KeyStore p12 = p12(e[3]);
                    store.setKeyEntry(e[1], Files.readAllBytes(Path.of(e[2])), p12.getCertificateChain(p12.aliases().nextElement()));
                }
                default -> throw new IllegalArgumentException(e[0]);
            }
        }
        try (OutputStream out = new FileOutputStream(a[0])) {
            if (System.getProperty("kdf") == null) {
                store.store(out, password);
                return;
            }
            PBKDFConfig kdf = "scrypt".equals(System.getProperty("kdf"))
                ? new ScryptConfig.Builder(16384, 8, 1).withSaltLength(20).build()
                : new PBKDF2Config.Builder().withIterationCount(20000).withSaltLength(64).withPRF(PBKDF2Config.PRF_SHA512).build();
            var cipher = "kwp".equals(System.getProperty("cipher"))
                ? BCFKSLoadStoreParameter.EncryptionAlgorithm.AES256_KWP : BCFKSLoadStoreParameter.EncryptionAlgorithm.AES256_CCM;
            store.store(new BCFKSLoadStoreParameter.Builder(out, password).withStorePBKDFConfig(kdf)
                .withStoreEncryptionAlgorithm(cipher).build());
        }
    }

    static char[] word(String text) {
        return text.equals("-") ? new char[0] : text.toCharArray();
    }

    static KeyStore p12(String file) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = new FileInputStream(file)) {
            store.load(in, word("changeit"));
        }
        return store;
    }
}
