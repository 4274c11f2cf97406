"""Programs with archives behind them: ELF by gcc, PE by objcopy, archives by zip, 7z and mksquashfs."""

from contain import Packed

f = Packed("program", "Programs with an archive behind their last section, and programs without one")
f.run("printf 'void _start(void) { for (;;) {} }\\n' > x.c && gcc -nostdlib -static -o x.elf x.c")
f.run("objcopy -O efi-app-x86_64 -j .text -j .data x.elf x.efi")
f.run("cd tree && zip -qr ../tree.zip . && 7z a -bd ../tree.7z . > /dev/null && cd .. && mksquashfs tree tree.sqfs -quiet -no-progress > /dev/null")
show = lambda path: f"7z x -so -bd tree.zip {path} 2>/dev/null"
for program in ("elf", "efi"):
    for archive in ("zip", "7z"):
        name = f"{archive}.{program}"
        f.tool(name, f"cat x.{program} tree.{archive} > {name}", lambda: f.three(show))
# An AppImage aligns its image to 4 KiB or not at all.
f.tool("appimage.elf", "cp x.elf appimage.elf && truncate -s %4096 appimage.elf && cat tree.sqfs >> appimage.elf", lambda: f.three(show))
# Its offsets count from the start of the program.
f.tool("counted.efi", "cp x.efi counted.efi && python3 -c \"import zipfile; zipfile.ZipFile('counted.efi', 'a').write('tree/etc/id.pem', 'id.pem')\"",
       lambda: [f.shown("unzip -p counted.efi id.pem")])
# Sections for debuggers, compressed as gcc -gz does.
f.run("cat tree/etc/id.pem tree/var/numbers.txt > long.txt && objcopy --add-section .debug_k=long.txt x.elf raw.elf")
for kind in ("zlib-gabi", "zlib-gnu", "zstd"):
    name = f"section-{kind}.elf"
    back = f"objcopy --decompress-debug-sections {name} back.elf && objcopy -O binary --only-section=.*debug_k --set-section-flags .debug_k=alloc back.elf back && cat back"
    f.tool(name, f"objcopy --compress-debug-sections={kind} raw.elf {name}", lambda: [f.shown(back)])
f.silent("near-plain.elf", f.read("x.elf"), "gcc", "a program with nothing behind it")
f.silent("near-plain.efi", f.read("x.efi"), "objcopy", "a program with nothing behind it")
f.silent("near-text.txt", "MZ is how a program begins, and \x7fELF another\n" * 30, "printf", "the magic in a text")
f.finish()
