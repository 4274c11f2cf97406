"""Documents and mail, made by their own libraries and read back by another tool."""


from .core import carrier
from .payload import payloads

KIND = "text: documents and mail"


def lines(text):
    return text.rstrip("\n").split("\n")


def squeeze(text):
    """Only the lines of the key out of what a reader printed."""
    keep = []
    for l in text.replace("\xa0", " ").replace("\u200b", "").replace("\u200d", "").splitlines():
        l = l.strip()
        if l and (l.startswith("-----") or (" " not in l and len(l) > 1)):
            keep.append(l)
    return "\n".join(keep) + "\n"


def docx(c, build):
    import docx as d

    for p in payloads(c):
        book = d.Document()
        book.add_paragraph("Deployment notes for the team")
        build(book, p.text)
        p.key.file = f"{p.key.place}.docx"
        book.save(c.out / p.key.file)
        text = c.sh(f"pandoc -t plain --wrap=none '{c.out / p.key.file}'").decode()
        c.prove(p.key, p.back(squeeze(text)), "pandoc -t plain")


def by_paragraph(book, text):
    for l in lines(text):
        book.add_paragraph(l)


def by_runs(book, text):
    for l in lines(text):
        q = book.add_paragraph()
        for i in range(0, len(l), 11):
            q.add_run(l[i : i + 11]).italic = bool(i // 11 % 2)


def by_break(book, text):
    q = book.add_paragraph()
    for i, l in enumerate(lines(text)):
        r = q.add_run(l)
        if i < len(lines(text)) - 1:
            r.add_break()


def by_table(book, text):
    t = book.add_table(rows=0, cols=1)
    for l in lines(text):
        t.add_row().cells[0].text = l


for name, build in (
    ("paragraphs", by_paragraph),
    ("split-runs", by_runs),
    ("line-breaks", by_break),
    ("table-rows", by_table),
):

    def make(c, build=build):
        if build is by_runs:
            import docx as d

            for p in payloads(c):
                book = d.Document()
                build(book, p.text)
                p.key.file = f"{p.key.place}.docx"
                book.save(c.out / p.key.file)
                c.prove(
                    p.key, p.back("\n".join(q.text for q in d.Document(c.out / p.key.file).paragraphs)), "python-docx"
                )
        elif build is by_table:
            import docx as d

            for p in payloads(c):
                book = d.Document()
                build(book, p.text)
                p.key.file = f"{p.key.place}.docx"
                book.save(c.out / p.key.file)
                c.prove(
                    p.key,
                    p.back("\n".join(r.cells[0].text for r in d.Document(c.out / p.key.file).tables[0].rows)),
                    "python-docx",
                )
        else:
            docx(c, build)

    carrier(f"docx-{name}", KIND, "pip:python-docx pandoc")(make)


@carrier("docx-comment-header-footnote-core", KIND, "pip:python-docx")
def docx_header(c):
    import docx as d

    one, two = c.key("rsa", "page header"), c.key("ed25519", "core comments")
    book = d.Document()
    book.sections[0].header.paragraphs[0].text = one.text
    book.core_properties.comments = two.text
    book.save(c.out / "f.docx")
    back = d.Document(c.out / "f.docx")
    c.prove(one, back.sections[0].header.paragraphs[0].text, "python-docx")
    c.prove(two, back.core_properties.comments, "python-docx")


PANDOC = [
    ("docx", "docx"),
    ("odt", "odt"),
    ("rtf", "rtf"),
    ("epub", "epub"),
    ("html", "html"),
    ("pptx", "pptx"),
    ("man", "man"),
    ("latex", "latex"),
    ("docbook", "docbook"),
    ("fb2", "fb2"),
    ("mediawiki", "mediawiki"),
    ("jira", "jira"),
    ("opendocument", "opendocument"),
    ("icml", "icml"),
    ("tei", "tei"),
    ("native", "native"),
    ("json", "json"),
    ("ipynb", "ipynb"),
]
for fmt, ext in PANDOC:
    for style in ("code", "breaks"):
        if style == "breaks" and fmt in ("fb2", "jira", "icml"):  # The break is lost, or pandoc escapes the dashes.
            continue

        def make(c, fmt=fmt, ext=ext, style=style):
            for p in payloads(c, ("pem", "der")):
                if style == "code":
                    text = "# Notes\n\n```\n" + p.text + "```\n\nend of it\n"
                else:
                    text = (
                        "# Notes\n\n"
                        + "\\\n".join(
                            l.replace("-----", "\\-\\-\\-\\-\\-").replace("_", "\\_") for l in lines(p.text)
                        )
                        + "\n"
                    )
                p.key.file = f"{p.key.place}.{ext}"
                c.sh(
                    f"pandoc -f markdown-smart -t {fmt}{'-smart' if fmt in ('latex',) else ''}"
                    f" {'-s' if fmt in ('rtf', 'html', 'man', 'latex', 'docbook', 'fb2', 'opendocument', 'icml', 'tei', 'native', 'json') else ''}"
                    f" --wrap=none -o '{c.out / p.key.file}'",
                    text.encode(),
                )
                if fmt in (
                    "docx",
                    "odt",
                    "epub",
                    "html",
                    "latex",
                    "docbook",
                    "fb2",
                    "mediawiki",
                    "jira",
                    "native",
                    "json",
                    "ipynb",
                    "man",
                ):
                    shown = c.sh(f"pandoc -f {fmt} -t plain --wrap=none '{c.out / p.key.file}'").decode()
                elif fmt == "pptx":
                    from pptx import Presentation

                    shown = "\n".join(
                        s.text_frame.text.replace("\x0b", "\n")
                        for l in Presentation(str(c.out / p.key.file)).slides
                        for s in l.shapes
                        if s.has_text_frame
                    )
                else:
                    shown = c.sh(
                        r"perl -0777 -pe 's/\\line ?|<(text:)?(line-break|lb|Br) ?\/>|\n/\n/g; s/<text:s[^>]*>/ /g;"
                        r" s/<[^>]+>/\n/g; s/\\\w+ ?//g; s/[{}]//g; s/&#\d+;|&nbsp;/ /g'",
                        (c.out / p.key.file).read_bytes(),
                    ).decode()
                c.prove(
                    p.key,
                    p.back(
                        squeeze(shown)
                        if p.armored
                        else "".join(squeeze(shown).split("\n")).split("Notes")[-1].split("endofit")[0]
                    ),
                    "pandoc" if fmt != "pptx" else "python-pptx",
                )

        carrier(f"pandoc-{fmt}-{style}", KIND, "pandoc")(make)


@carrier("pptx-text-box-paragraphs", KIND, "pip:python-pptx")
def pptx(c):
    from pptx import Presentation
    from pptx.util import Inches

    for p in payloads(c):
        deck = Presentation()
        frame = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, Inches(6), Inches(6)).text_frame
        frame.text = p.text.rstrip("\n")
        p.key.file = f"{p.key.place}.pptx"
        deck.save(str(c.out / p.key.file))
        c.prove(
            p.key, p.back(Presentation(str(c.out / p.key.file)).slides[0].shapes[0].text_frame.text), "python-pptx"
        )


@carrier("pptx-speaker-notes", KIND, "pip:python-pptx")
def pptx_notes(c):
    from pptx import Presentation

    key = c.key("rsa", "notes")
    deck = Presentation()
    deck.slides.add_slide(deck.slide_layouts[6]).notes_slide.notes_text_frame.text = key.text
    deck.save(str(c.out / "f.pptx"))
    c.prove(key, Presentation(str(c.out / "f.pptx")).slides[0].notes_slide.notes_text_frame.text, "python-pptx")


def xlsx(name, write, tool):
    def make(c):
        import openpyxl

        for p in payloads(c):
            p.key.file = f"{p.key.place}.xlsx"
            write(str(c.out / p.key.file), p.text)
            sheet = openpyxl.load_workbook(c.out / p.key.file).active
            text = (
                sheet["A1"].comment.text
                if name == "cell-comment"
                else "\n".join(str(r[0]) for r in sheet.iter_rows(values_only=True) if r[0])
            )
            c.prove(p.key, p.back(text.replace("_x000D_", "")), "openpyxl")

    carrier(f"xlsx-{name}", KIND, tool)(make)


def open_one(path, text, column=False, comment=False):
    import openpyxl
    from openpyxl.comments import Comment

    book = openpyxl.Workbook()
    if comment:
        book.active["A1"] = "x"
        book.active["A1"].comment = Comment(text, "k")
    elif column:
        for l in lines(text):
            book.active.append([l])
    else:
        book.active["A1"] = text
    book.save(path)


def writer_inline(path, text):
    import xlsxwriter

    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet()
    for i, l in enumerate(lines(text)):
        sheet.write(i, 0, l)
    book.close()


def writer_rich(path, text):
    import xlsxwriter

    book = xlsxwriter.Workbook(path)
    bold = book.add_format({"bold": True})
    sheet = book.add_worksheet()
    parts = []
    for i in range(0, len(text), 300):
        parts += [bold, text[i : i + 300]] if i // 300 % 2 else [text[i : i + 300]]
    sheet.write_rich_string(0, 0, *parts, "\n") if len(parts) > 1 else sheet.write(0, 0, text)
    book.close()


xlsx("one-cell", lambda p, t: open_one(p, t.replace("\n", "\r\n")), "pip:openpyxl")
xlsx("column-of-lines", lambda p, t: open_one(p, t, column=True), "pip:openpyxl")
xlsx("cell-comment", lambda p, t: open_one(p, t, comment=True), "pip:openpyxl")
xlsx("inline-strings", writer_inline, "pip:xlsxwriter pip:openpyxl")
xlsx("rich-string", writer_rich, "pip:xlsxwriter pip:openpyxl")


@carrier("xls-biff-cell-and-rows", KIND, "pip:xlwt pip:xlrd")
def xls(c):
    import xlrd
    import xlwt

    for p in payloads(c, ("pem", "der")):
        book = xlwt.Workbook()
        sheet = book.add_sheet("k")
        for i, l in enumerate(lines(p.text)):
            sheet.write(i, 0, l)
        p.key.file = f"{p.key.place}.xls"
        book.save(str(c.out / p.key.file))
        c.prove(
            p.key,
            p.back(
                "\n".join(
                    r[0].value for r in xlrd.open_workbook(str(c.out / p.key.file)).sheet_by_index(0).get_rows()
                )
                + "\n"
            ),
            "xlrd",
        )


@carrier("ods-rows", KIND, "pip:odfpy")
def ods(c):
    from odf.opendocument import OpenDocumentSpreadsheet, load
    from odf.table import Table, TableCell, TableRow
    from odf.teletype import extractText
    from odf.text import P

    for p in payloads(c):
        book = OpenDocumentSpreadsheet()
        table = Table(name="k")
        for l in lines(p.text):
            row, cell = TableRow(), TableCell(valuetype="string")
            cell.addElement(P(text=l))
            row.addElement(cell)
            table.addElement(row)
        book.spreadsheet.addElement(table)
        p.key.file = f"{p.key.place}.ods"
        book.save(str(c.out / p.key.file))
        c.prove(
            p.key,
            p.back("\n".join(extractText(x) for x in load(str(c.out / p.key.file)).getElementsByType(P)) + "\n"),
            "odfpy",
        )


# PDF.


def reportlab(path, text, compress=1, font="Courier"):
    from reportlab.pdfgen import canvas

    page = canvas.Canvas(path, pageCompression=compress)
    body = page.beginText(40, 800)
    body.setFont(font, 9)
    for l in lines(text):
        body.textLine(l)
    page.drawText(body)
    page.save()


def fpdf(path, text):
    from fpdf import FPDF

    page = FPDF()
    page.add_page()
    page.set_font("Courier", size=9)
    page.multi_cell(0, 4, text)
    page.output(path)


PDFS = [
    ("reportlab-flate", lambda c, p, t: reportlab(p, t), "pip:reportlab"),
    ("reportlab-plain", lambda c, p, t: reportlab(p, t, 0), "pip:reportlab"),
    ("reportlab-helvetica", lambda c, p, t: reportlab(p, t, 1, "Helvetica"), "pip:reportlab"),
    ("fpdf2", lambda c, p, t: fpdf(p, t), "pip:fpdf2"),
    (
        "qpdf-object-streams",
        lambda c, p, t: (
            reportlab("/tmp/" + c.name + ".pdf", t),
            c.sh(
                f"qpdf --object-streams=generate --recompress-flate --compression-level=9 /tmp/{c.name}.pdf '{p}'; rm"
                f" /tmp/{c.name}.pdf"
            ),
        ),
        "pip:reportlab qpdf",
    ),
    (
        "qpdf-encrypted-no-user-password",
        lambda c, p, t: (
            reportlab("/tmp/" + c.name + ".pdf", t),
            c.sh(f"qpdf --encrypt '' owner 256 -- /tmp/{c.name}.pdf '{p}'; rm /tmp/{c.name}.pdf"),
        ),
        "pip:reportlab qpdf",
    ),
    (
        "enscript-ghostscript",
        lambda c, p, t: c.sh(f"enscript -q -B -o - | ps2pdf - '{p}'", t.encode()),
        "enscript ghostscript",
    ),
    ("postscript-enscript", lambda c, p, t: c.sh(f"enscript -q -B -o '{p}'", t.encode()), "enscript ghostscript"),
    (
        "groff-ps-pdf",
        lambda c, p, t: c.sh(
            f"groff -Tps | ps2pdf - '{p}'",
            (".nf\n.ft CW\n" + "".join(l.replace("-", "\\-") + "\n" for l in lines(t))).encode(),
        ),
        "groff ghostscript",
    ),
    (
        "qpdf-locked",
        lambda c, p, t: (
            reportlab("/tmp/" + c.name + ".pdf", t),
            c.sh(f"qpdf --encrypt pw9x owner 256 -- /tmp/{c.name}.pdf '{p}'; rm /tmp/{c.name}.pdf"),
        ),
        "pip:reportlab qpdf",
    ),
]
for name, write, tool in PDFS:

    def make(c, write=write, name=name):
        for p in payloads(c, ("pem", "der")):
            p.key.file = f"{p.key.place}.{'ps' if name.startswith('post') else 'pdf'}"
            write(c, str(c.out / p.key.file), p.text)
            if name.startswith("post"):
                shown = c.sh(f"ps2txt '{c.out / p.key.file}' 2>/dev/null || ps2ascii '{c.out / p.key.file}'")
            else:
                shown = c.sh(
                    f"pdftotext {'-upw pw9x' if name == 'qpdf-locked' else ''} -layout '{c.out / p.key.file}' -"
                )
            text = shown.decode().replace("\u2212", "-").replace("\x0c", "\n")
            c.prove(p.key, p.back(squeeze(text) if p.armored else text), "pdftotext")

    carrier(
        f"pdf-{name}",
        KIND if name != "qpdf-locked" else "containers: locked",
        tool + " poppler-utils",
        locked=name == "qpdf-locked",
    )(make)


@carrier("pdf-attachments", KIND, "qpdf ghostscript")
def pdf_attach(c):
    keys = c.tree()
    adds = " ".join(f"--add-attachment tree/{p} --" for p in keys)
    c.sh(f"echo showpage | ps2pdf - a.pdf; qpdf a.pdf {adds} f.pdf")
    c.prove_tree(keys, lambda p: c.sh(f"qpdf --show-attachment={p.split('/')[-1]} f.pdf"), "qpdf")
    c.take("f.pdf")


@carrier("pdf-metadata-and-form-field", KIND, "pip:pypdf")
def pdf_meta(c):
    from pypdf import PdfReader, PdfWriter

    key = c.key("rsa", "Info dictionary")
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Keywords": key.text})
    writer.write(c.out / "f.pdf")
    c.prove(key, PdfReader(c.out / "f.pdf").metadata["/Keywords"], "pypdf")
