import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { digestSource, isSource, openSource, SourceError } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

const JANE = '{"email":"jane@example.com"}\n';
const JOHN = '{"email":"john@example.com"}\n';

describe("digestSource", () => {
  let folder: UsersFolder;
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(() => folder.remove());

  const digest = (...patterns: string[]) => digestSource(patterns, folder.path);
  const filesOf = async (...patterns: string[]) => {
    const source = await openSource(patterns, folder.path);
    await source.close();
    return source.files;
  };
  const refusal = async (...patterns: string[]) => {
    const error = await digest(...patterns).catch((caught: unknown) => caught);
    assert(error instanceof SourceError);
    await assert.rejects(openSource(patterns, folder.path), { message: error.message });
    return error.message;
  };

  it("is the SHA-256 of the files' SHA-256s, and counts bytes and files", async () => {
    await folder.write("a.json", JANE);
    await folder.write("b.json", JOHN);
    const sha256 = (...parts: (string | Buffer)[]) =>
      parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
    assert.deepEqual(await digest("a.json", "b.json"), {
      digest: sha256(sha256(JANE), sha256(JOHN)).toString("hex"),
      bytes: JANE.length + JOHN.length,
      files: 2,
    });
  });

  it("is the same as an opened source's, for a gzip file that of the file as it lies there", async () => {
    await folder.write("a.json", JANE);
    const packed = gzipSync(JOHN);
    await folder.write("b.json.gz", packed);
    const expected = await digest("a.json", "b.json.gz");
    assert.equal(expected.bytes, JANE.length + packed.length);
    const source = await openSource(["a.json", "b.json.gz"], folder.path);
    await source.close();
    assert.equal(source.digest, expected.digest);
    assert.equal(source.bytes, expected.bytes);
  });

  it("knows no names, but where a file ends and which comes first", async () => {
    await folder.write("1.json", "ab");
    await folder.write("2.json", "c");
    await folder.write("copy of 1.json", "ab");
    await folder.write("3.json", "a");
    await folder.write("4.json", "bc");
    await folder.write("whole.json", "abc");
    const { digest: reference } = await digest("1.json", "2.json");
    assert.equal((await digest("copy of 1.json", "2.json")).digest, reference);
    for (const others of [["2.json", "1.json"], ["3.json", "4.json"], ["whole.json"]]) {
      assert.notEqual((await digest(...others)).digest, reference, others.join(" "));
    }
  });

  it("tells a source that changed, in size or not, and does not read one of another size", async () => {
    await folder.write("a.json", JANE);
    const known = await digest("a.json");
    const isSame = () => isSource(known, ["a.json"], folder.path);
    assert.equal(await isSame(), true);
    await folder.write("a.json", JANE.replace("jane", "joan"));
    assert.equal(await isSame(), false);
    // Its digest would be right.
    assert.equal(await isSource({ ...(await digest("a.json")), bytes: 1 }, ["a.json"], folder.path), false);
    await assert.rejects(isSource(known, ["none.json"], folder.path), SourceError);
  });

  describe("files", () => {
    it("come pattern by pattern, inside a pattern by code unit", async () => {
      for (const name of ["in/b.json", "in/B.json", "in/a10.json", "in/a9.json", "in/ä.json", "other/a.json"]) {
        await folder.write(name, JANE);
      }
      assert.deepEqual(await filesOf("other/*.json", "in/*.json"), [
        "other/a.json",
        "in/B.json",
        "in/a10.json",
        "in/a9.json",
        "in/b.json",
        "in/ä.json",
      ]);
    });

    it("count once, in their last place", async () => {
      await folder.write("corrections.json", JANE);
      await folder.write("users.json", JOHN);
      assert.deepEqual(await filesOf("*.json", "./corrections.json"), ["users.json", "corrections.json"]);
    });

    it("are named relative to the program, unless it gave an absolute path", async () => {
      await folder.write("in/a.json", JANE);
      assert.deepEqual(await filesOf("./in/../in/a.json"), ["in/a.json"]);
      assert.deepEqual(await filesOf("./in/*.json"), ["in/a.json"]);
      const absolute = join(folder.path, "in/a.json");
      assert.deepEqual(await filesOf(absolute), [absolute]);
      assert.deepEqual(await filesOf(join(folder.path, "in/*.json")), [absolute]);
      const source = await openSource(["../in/*.json"], join(folder.path, "program"));
      await source.close();
      assert.deepEqual(source.files, ["../in/a.json"]);
    });

    it("may have a name that looks like a pattern", async () => {
      await folder.write("export (1).json", JANE);
      await folder.write("[eu].json", JANE);
      assert.deepEqual(await filesOf("export (1).json", "[eu].json"), ["export (1).json", "[eu].json"]);
    });

    it("are found through links, under the link's name", async () => {
      await folder.write("elsewhere/a.json", JANE);
      await symlink(join(folder.path, "elsewhere"), join(folder.path, "in"), "junction");
      assert.deepEqual(await filesOf("in/*.json"), ["in/a.json"]);
    });
  });

  describe("refuses", () => {
    it("a missing file", async () => {
      assert.equal(await refusal("none.json"), "none.json: no such file or directory");
    });

    it("a pattern that matches nothing", async () => {
      await folder.write("in/a.json", JANE);
      assert.equal(await refusal("in/*.ndjson"), "in/*.ndjson: no file matches this pattern");
    });

    it("a directory, also one that a pattern matches", async () => {
      await folder.write("in.json/a.json", JANE);
      assert.equal(await refusal("in.json"), "in.json: is a directory: name the files in it, such as DIRECTORY/*.json");
      assert.equal(await refusal("i*.json"), "i*.json: no file matches this pattern");
    });

    it("what is no regular file", async () => {
      const device = process.platform === "win32" ? "//./nul" : "/dev/null";
      assert.equal(await refusal(device), `${device}: is not a regular file`);
    });

    // Permissions don't keep root from reading; this file does.
    if (process.platform === "linux") {
      it("a file that can't be read", async () => {
        assert.equal(await refusal("/proc/self/mem"), "/proc/self/mem: can't be read: i/o error");
      });
    }

    it("all at once", async () => {
      assert.equal(
        await refusal("none.json", "*.ndjson"),
        "none.json: no such file or directory\n*.ndjson: no file matches this pattern",
      );
    });

    it("no pattern at all", async () => {
      await assert.rejects(digest(), RangeError);
    });
  });
});
