"""Columnar files and serialised objects."""

import json
import pickle
import plistlib
import subprocess
import sys

from .core import carrier
from .tables import COLS, noise, values


# Columnar files.
for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
    for text in (False, True):

        def make(c, codec=codec, text=text):
            import pyarrow
            import pyarrow.parquet as pq

            rows = values(c)
            if text:
                for name in ("der", "p12"):
                    c.keys.remove(rows.pop(name)[0])
            every = {**noise(), **{n: d for n, (_, d) in rows.items()}}
            column = [v.decode() if text else v for v in every.values()]
            pq.write_table(
                pyarrow.table({"k": list(every), "v": column, "n": list(range(len(every)))}),
                c.out / "f.parquet",
                compression=codec,
                use_dictionary=text,
                write_statistics=not text,
            )
            back = pq.read_table(c.out / "f.parquet").to_pydict()
            for name, (key, _) in rows.items():
                c.prove(key, back["v"][back["k"].index(name)], "pyarrow")

        carrier(f"parquet-{codec}-{'dictionary-text' if text else 'binary'}", COLS, "pip:pyarrow")(make)


@carrier("parquet-one-row-per-line-zstd", COLS, "pip:pyarrow")
def parquet_lines(c):
    import pyarrow
    import pyarrow.parquet as pq

    key = c.key("rsa", "rows")
    pq.write_table(pyarrow.table({"line": key.text.splitlines()}), c.out / "f.parquet", compression="zstd")
    c.prove(key, "\n".join(pq.read_table(c.out / "f.parquet").to_pydict()["line"]) + "\n", "pyarrow")


for codec in ("null", "deflate", "snappy", "bzip2", "xz", "zstandard"):

    def make(c, codec=codec):
        import fastavro

        rows = values(c)
        schema = {
            "type": "record",
            "name": "r",
            "fields": [{"name": "k", "type": "string"}, {"name": "v", "type": "bytes"}],
        }
        every = {**noise(), **{n: d for n, (_, d) in rows.items()}}
        with open(c.out / "f.avro", "wb") as f:
            fastavro.writer(f, schema, [{"k": k, "v": v} for k, v in every.items()], codec=codec)
        with open(c.out / "f.avro", "rb") as f:
            back = {r["k"]: r["v"] for r in fastavro.reader(f)}
        for name, (key, _) in rows.items():
            c.prove(key, back[name], "fastavro")

    carrier(f"avro-{codec}", COLS, "pip:fastavro")(make)


for codec in ("NONE", "ZLIB", "SNAPPY", "LZ4", "ZSTD"):

    def make(c, codec=codec):
        import pyorc

        rows = values(c)
        every = {**noise(), **{n: d for n, (_, d) in rows.items()}}
        with open(c.out / "f.orc", "wb") as f, pyorc.Writer(
            f, "struct<k:string,v:binary>", compression=getattr(pyorc.CompressionKind, codec)
        ) as w:
            for row in every.items():
                w.write(row)
        with open(c.out / "f.orc", "rb") as f:
            back = dict(pyorc.Reader(f))
        for name, (key, _) in rows.items():
            c.prove(key, back[name], "pyorc")

    carrier(f"orc-{codec.lower()}", COLS, "pip:pyorc")(make)


for codec in (None, "lz4", "zstd"):

    def make(c, codec=codec):
        import pyarrow
        import pyarrow.feather

        rows = values(c)
        every = {**noise(), **{n: d for n, (_, d) in rows.items()}}
        pyarrow.feather.write_feather(
            pyarrow.table({"k": list(every), "v": list(every.values())}),
            str(c.out / "f.feather"),
            compression=codec or "uncompressed",
        )
        back = pyarrow.feather.read_table(str(c.out / "f.feather")).to_pydict()
        for name, (key, _) in rows.items():
            c.prove(key, back["v"][back["k"].index(name)], "pyarrow")

    carrier(f"arrow-feather-{codec or 'none'}", COLS, "pip:pyarrow")(make)


for name, options in (
    ("contiguous", {}),
    ("gzip-shuffle", dict(compression="gzip", shuffle=True, chunks=(4096,))),
    ("gzip", dict(compression="gzip", chunks=(4096,))),
    ("lzf", dict(compression="lzf", chunks=(4096,))),
):

    def make(c, options=options):
        import h5py
        import numpy

        rows = values(c)
        with h5py.File(c.out / "f.h5", "w") as f:
            for n, (_, data) in rows.items():
                extra = dict(options)
                if extra:
                    extra["chunks"] = (min(4096, len(data)),)
                f.create_dataset(n, data=numpy.frombuffer(data, dtype="u1"), **extra)
        with h5py.File(c.out / "f.h5") as f:
            for n, (key, _) in rows.items():
                c.prove(key, bytes(f[n][...]), "h5py")

    carrier(f"hdf5-{name}", COLS, "pip:h5py")(make)


@carrier("numpy-npz-and-zarr", COLS, "pip:zarr")
def npz(c):
    import numpy
    import zarr

    rows = values(c)
    numpy.savez_compressed(c.out / "f.npz", **{n: numpy.frombuffer(d, dtype="u1") for n, (_, d) in rows.items()})
    back = numpy.load(c.out / "f.npz")
    for n, (key, _) in rows.items():
        c.prove(key, bytes(back[n]), "numpy")
    key = c.key("rsa", "zarr chunk")
    z = zarr.open(str(c.out / "f.zarr"), mode="w", shape=(len(key.data),), chunks=(len(key.data),), dtype="u1")
    z[:] = numpy.frombuffer(key.data, dtype="u1")
    c.prove(key, bytes(zarr.open(str(c.out / "f.zarr"), mode="r")[:]), "zarr")


def dump(name, tool, there, back, ext):
    def make(c):
        rows = values(c)
        data = there({n: d.decode() if n in ("pem", "jwk", "big") else d for n, (_, d) in rows.items()})
        c.put(f"f.{ext}", data)
        got = back(data)
        for n, (key, _) in rows.items():
            c.prove(key, got[n], name)

    carrier(f"object-{name}", COLS, tool)(make)


for proto in (0, 1, 2, 4):
    dump(f"pickle-{proto}", "python3", lambda d, p=proto: pickle.dumps(d, p), pickle.loads, "pkl")


def msg(d):
    import msgpack

    return msgpack.packb(d)


def unmsg(d):
    import msgpack

    return msgpack.unpackb(d)


def cbor(d):
    import cbor2

    return cbor2.dumps(d)


def uncbor(d):
    import cbor2

    return cbor2.loads(d)


def bson(d):
    import bson as b

    return b.encode(d)


def unbson(d):
    import bson as b

    return b.decode(d)


dump("msgpack", "pip:msgpack", msg, unmsg, "msgpack")
dump("cbor", "pip:cbor2", cbor, uncbor, "cbor")
dump("bson", "pip:pymongo", bson, unbson, "bson")
dump("plist-xml", "python3", lambda d: plistlib.dumps(d), plistlib.loads, "plist")
dump("plist-binary", "python3", lambda d: plistlib.dumps(d, fmt=plistlib.FMT_BINARY), plistlib.loads, "plist")


def yaml_dump(d):
    import yaml

    return yaml.safe_dump(d)


def yaml_load(d):
    import yaml

    return yaml.safe_load(d)


dump("yaml-binary-tag", "pip:PyYAML", yaml_dump, yaml_load, "yaml")


@carrier("object-php-session-and-ruby-marshal", COLS, "ruby")
def marshal(c):
    rows = values(c)
    for name, (key, data) in rows.items():
        key.file = f"{name}.marshal"
        got = c.sh('ruby -e \'STDIN.binmode;STDOUT.binmode;print Marshal.dump({"k"=>STDIN.read,"n"=>[1,2]})\'', data)
        c.put(key.file, got)
        c.prove(
            key,
            c.sh("ruby -e 'STDIN.binmode;STDOUT.binmode;print Marshal.load(STDIN.read)[\"k\"]'", got),
            "ruby Marshal",
        )


@carrier("object-java-serialized", COLS, "openjdk-17-jdk-headless")
def java_ser(c):
    rows = values(c)
    (c.work / "S.java").write_text("""import java.io.*;import java.nio.file.*;import java.util.*;
public class S{public static void main(String[] a)throws Exception{if(a[0].equals("w")){HashMap<String,Object> m=new HashMap<>();
for(String f:new File("in").list())m.put(f,f.startsWith("t")?new String(Files.readAllBytes(Paths.get("in",f))):(Object)Files.readAllBytes(Paths.get("in",f)));
new ObjectOutputStream(new FileOutputStream("f.ser")).writeObject(m);}else{Map<?,?> m=(Map<?,?>)new ObjectInputStream(new FileInputStream("f.ser")).readObject();
Object o=m.get(a[1]);System.out.write(o instanceof String?((String)o).getBytes():(byte[])o);System.out.flush();}}}""")
    (c.work / "in").mkdir()
    for name, (_, data) in rows.items():
        (c.work / "in" / (("t" if name in ("pem", "jwk") else "b") + name)).write_bytes(data)
    c.sh("javac S.java 2>/dev/null && java S w")
    for name, (key, _) in rows.items():
        c.prove(key, c.sh(f"java S r {'t' if name in ('pem', 'jwk') else 'b'}{name}"), "java")
    c.take("f.ser")


@carrier("object-notebook-output", COLS, "python3 jq")
def ipynb(c):
    key = c.key("rsa", "stream output"), c.key("p256:der", "repr of bytes")
    book = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": 1,
                "metadata": {},
                "source": ["print(k)\n"],
                "outputs": [
                    {"name": "stdout", "output_type": "stream", "text": key[0].text.splitlines(keepends=True)},
                    {
                        "data": {"text/plain": [repr(key[1].data)]},
                        "execution_count": 1,
                        "metadata": {},
                        "output_type": "execute_result",
                    },
                ],
            }
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    c.put("f.ipynb", json.dumps(book, indent=1))
    import ast

    c.prove(key[0], c.sh("jq -j '.cells[0].outputs[0].text[]' " + str(c.out / "f.ipynb")), "jq")
    c.prove(
        key[1],
        ast.literal_eval(
            json.loads((c.out / "f.ipynb").read_text())["cells"][0]["outputs"][1]["data"]["text/plain"][0]
        ),
        "ast.literal_eval",
    )


@carrier("object-protobuf-descriptor-set", COLS, "pip:protobuf")
def proto(c):
    from google.protobuf import struct_pb2

    rows = values(c)
    message = struct_pb2.Struct()
    for name, (key, data) in list(rows.items()):
        if name in ("der", "p12"):
            c.keys.remove(key)
            rows.pop(name)
        else:
            message[name] = data.decode()
    c.put("f.pb", message.SerializeToString())
    back = struct_pb2.Struct()
    back.ParseFromString((c.out / "f.pb").read_bytes())
    for name, (key, _) in rows.items():
        c.prove(key, back[name], "protobuf")


@carrier("object-safetensors-metadata", COLS, "pip:safetensors")
def safe(c):
    import numpy
    import safetensors
    import safetensors.numpy

    key, two = c.key("rsa", "metadata"), c.key("p256:der", "tensor")
    safetensors.numpy.save_file(
        {"t": numpy.frombuffer(two.data, dtype="u1")}, str(c.out / "f.safetensors"), metadata={"k": key.text}
    )
    with safetensors.safe_open(str(c.out / "f.safetensors"), "np") as f:
        c.prove(key, f.metadata()["k"], "safetensors")
        c.prove(two, bytes(f.get_tensor("t")), "safetensors")


@carrier("asar-archive", COLS, "pip:asar")
def asar(c):
    keys = c.tree()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import"
                " asar,sys;asar.create_archive(__import__('pathlib').Path('tree'),__import__('pathlib').Path('f.asar'))"
            ),
        ],
        cwd=c.work,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        c.sh("npx --no-install asar pack tree f.asar")
    data = (c.work / "f.asar").read_bytes()
    c.prove_tree(
        keys, lambda p: data if (c.work / "tree" / p).read_bytes() in data else None, "grep -a of the whole file"
    )
    c.take("f.asar")
