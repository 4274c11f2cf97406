// Makes keys with CNG and writes each out as private, public and, for RSA, shorter private blob. For mingw and wine.
#include <windows.h>
#include <bcrypt.h>
#include <stdio.h>
static void save(const char *name, BCRYPT_KEY_HANDLE key, LPCWSTR type) {
  static UCHAR buf[65536]; ULONG n = 0;
  NTSTATUS s = BCryptExportKey(key, 0, type, buf, sizeof buf, &n, 0);
  if (s) { printf("%s: export %08lx\n", name, s); return; }
  FILE *f = fopen(name, "wb"); fwrite(buf, 1, n, f); fclose(f); printf("%s %lu\n", name, n);
}
static void make(const char *stem, LPCWSTR alg, ULONG bits, LPCWSTR priv, LPCWSTR pub, LPCWSTR more) {
  BCRYPT_ALG_HANDLE a; BCRYPT_KEY_HANDLE k; char name[100]; NTSTATUS s;
  if ((s = BCryptOpenAlgorithmProvider(&a, alg, 0, 0))) { printf("%s: open %08lx\n", stem, s); return; }
  if ((s = BCryptGenerateKeyPair(a, &k, bits, 0)) || (s = BCryptFinalizeKeyPair(k, 0))) { printf("%s: generate %08lx\n", stem, s); return; }
  sprintf(name, "%s.blob", stem); save(name, k, priv);
  sprintf(name, "%s_public.blob", stem); save(name, k, pub);
  if (more) { sprintf(name, "%s_more.blob", stem); save(name, k, more); }
}
int main(void) {
  make("rsa2048", L"RSA", 2048, L"RSAFULLPRIVATEBLOB", L"RSAPUBLICBLOB", L"RSAPRIVATEBLOB");
  make("rsa3072", L"RSA", 3072, L"RSAFULLPRIVATEBLOB", L"RSAPUBLICBLOB", L"RSAPRIVATEBLOB");
  make("ecdsa256", L"ECDSA_P256", 256, L"ECCPRIVATEBLOB", L"ECCPUBLICBLOB", 0);
  make("ecdsa384", L"ECDSA_P384", 384, L"ECCPRIVATEBLOB", L"ECCPUBLICBLOB", 0);
  make("ecdh256", L"ECDH_P256", 256, L"ECCPRIVATEBLOB", L"ECCPUBLICBLOB", 0);
  make("ecdh384", L"ECDH_P384", 384, L"ECCPRIVATEBLOB", L"ECCPUBLICBLOB", 0);
  return 0;
}
