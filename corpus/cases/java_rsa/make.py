"""RSA keys as Java writes those that it knows by modulus and private exponent alone: zeros for all the rest."""

import base64
import textwrap

from kit import Family, pem

f = Family("java_rsa", "RSA keys without primes and public exponent, as Java's RSAPrivateKeySpec makes them (PKCS#8 and PKCS#1)")
f.path("Bare.java").write_text(textwrap.dedent("""
    import java.math.BigInteger;
    import java.nio.file.*;
    import java.security.*;
    import java.security.interfaces.*;
    import java.security.spec.*;

    public class Bare {
        public static void main(String[] a) throws Exception {
            KeyPairGenerator g = KeyPairGenerator.getInstance("RSA");
            g.initialize(new RSAKeyGenParameterSpec(Integer.parseInt(a[0]), new BigInteger(a[1])));
            KeyPair pair = g.generateKeyPair();
            RSAPrivateKey full = (RSAPrivateKey) pair.getPrivate();
            PrivateKey bare = KeyFactory.getInstance("RSA")
                .generatePrivate(new RSAPrivateKeySpec(full.getModulus(), full.getPrivateExponent()));
            Files.write(Path.of(a[2] + ".der"), bare.getEncoded());
            Files.write(Path.of(a[2] + ".pub.der"), pair.getPublic().getEncoded());
        }
    }
"""))


def made(stem, bits, exponent):
    """The key as PKCS#8; what Java says its public half is."""
    command = f"java Bare.java {bits} {exponent} {stem}"
    f.run(command)
    digest = f.run(f"sha256sum < {stem}.pub.der").decode().split()[0]
    oracle = f"{command}: KeyPair.getPublic().getEncoded() | sha256sum"
    return command, {"format": "pkcs8", "protection": "plaintext", "spki_sha256": digest, "_oracle": oracle}


for bits, exponent in ((1024, 65537), (2048, 65537), (2048, 3), (3072, 17)):
    stem = f"rsa{bits}_e{exponent}"
    command, key = made(stem, bits, exponent)
    der = f.read(f"{stem}.der")
    f.add(f"{stem}.der", der, command, [key])
    f.add(f"{stem}.pem", pem("PRIVATE KEY", der).encode(), f"{command}; as PEM", [key])
    f.run(f"openssl rsa -inform DER -in {stem}.der -traditional -out {stem}.key")
    f.add(f"{stem}.key", f.read(f"{stem}.key"), f"{command}; openssl rsa -traditional", [{**key, "format": "pkcs1"}])
    f.add(f"{stem}.b64", base64.encodebytes(der), f"{command}; base64", [key])

# Near-misses: the same shape, and no exponent in use fits.
command, _ = made("odd", 1024, 65539)
silent = dict(silent=True, oracle="the numbers themselves")
f.add("near_exponent.der", f.read("odd.der"), command, why="nobody uses 65539; nothing proves that this is a key", **silent)
damaged = bytearray(f.read("rsa2048_e65537.der"))
damaged[200] ^= 4
f.add("near_damaged.der", bytes(damaged), "rsa2048_e65537.der with one bit of its modulus turned", why="no key", **silent)
f.finish()
