"""PDF documents by reportlab, fpdf2, pdfattach and qpdf, as pdftotext and pdfdetach read them."""

from contain import Packed

f = Packed("pdf", "PDF documents: keys as text in built-in and embedded fonts, attachments, object streams, encrypted ones")
cat = lambda path: f"cat tree/{path}"
PEM = "tree/etc/ssl/private/server.pem"
f.path("lab.py").write_text("import sys\nfrom reportlab.pdfgen import canvas\nc = canvas.Canvas(sys.argv[2], pageCompression=int(sys.argv[3]))\nt = c.beginText(72, 720)\nt.setFont('Courier', 9)\n[t.textLine(l) for l in open(sys.argv[1]).read().splitlines()]\nc.drawText(t)\nc.save()\n")
f.path("fp.py").write_text("import sys\nfrom fpdf import FPDF\np = FPDF()\np.add_page()\np.add_font('mono', '', '/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf')\np.set_font('mono', size=8)\np.multi_cell(0, 5, open(sys.argv[1]).read())\np.output(sys.argv[2])\n")
for packed in (0, 1):
    name = f"text-{packed}.pdf"
    f.tool(name, f"python3 lab.py {PEM} {name} {packed}", lambda: [f.shown(f"pdftotext -layout {name} - | grep -v '^$'")])
f.tool("embedded.pdf", f"python3 fp.py {PEM} embedded.pdf", lambda: [f.shown("pdftotext -layout embedded.pdf - | grep -v '^$'")])
f.tool("packed.pdf", "qpdf --object-streams=generate embedded.pdf packed.pdf", lambda: [f.shown("pdftotext -layout packed.pdf - | grep -v '^$'")])
f.tool("attached.pdf", "python3 lab.py tree/readme.txt page.pdf 1 && qpdf page.pdf --add-attachment tree/signing.der -- --add-attachment tree/etc/id.pem -- attached.pdf", lambda: [f.shown("qpdf --show-attachment=signing.der attached.pdf", der=True), f.shown("qpdf --show-attachment=id.pem attached.pdf")])
f.tool("locked.pdf", "qpdf --encrypt changeit changeit 256 -- text-1.pdf locked.pdf", silent=True, why="encrypted: nothing can be read without its password")
f.tool("near.pdf", "cp page.pdf near.pdf", silent=True, why="a document without a key")
f.finish()
