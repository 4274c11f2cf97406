"""Pictures with compressed texts by Pillow: zTXt and iTXt."""

from contain import Packed

f = Packed("png", "PNG pictures with compressed texts")


def picture(name, add):
    return f"python3 -c \"from PIL import Image, PngImagePlugin as p; i = p.PngInfo(); t = open('tree/etc/id.pem').read(); {add}; Image.new('L', (64, 64)).save('{name}', pnginfo=i)\""


def text(name):
    return f"python3 -c \"from PIL import Image; print(Image.open('{name}').text['Comment'])\""


for name, add in (
    ("ztxt.png", "i.add_text('Comment', t, zip=True)"),
    ("itxt.png", "i.add_itxt('Comment', t, 'en', 'Comment', zip=True)"),
    ("plain.png", "i.add_text('Comment', t)"),
):
    f.tool(name, picture(name, add), lambda: [f.shown(text(name))])
f.run(picture("near.png", "i.add_text('Comment', 'no key in here, only zTXt ' * 20, zip=True)"))
f.silent("near.png", f.read("near.png"), "Pillow", "a text without a key")
f.finish()
