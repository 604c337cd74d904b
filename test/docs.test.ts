import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import ts from "typescript";
import { documented, HOLE, textsIn, type Words } from "./support/messages";

const ROOT = path.resolve(__dirname, "../..");

/** The TypeScript in a text: fenced blocks of Markdown, or of the doc comments' `@example`s. */
function snippets(file: string): { readonly name: string; readonly code: string }[] {
  const text = readFileSync(path.join(ROOT, file), "utf8");
  return [...text.matchAll(/^( \* |\s+\* )?```ts\n([\s\S]*?)^(?: \* |\s+\* )?```/gm)].map(
    ({ 1: star, 2: code }, i) => ({
      name: `${file} #${i + 1}`,
      code: star === undefined ? (code ?? "") : (code ?? "").replace(/^\s*\* ?/gm, ""),
    }),
  );
}

const markdown = [
  ...["README.md", "DEVELOPERS.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md"],
  ...readdirSync(path.join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const sources = ["provider", "recipes"].flatMap((folder) =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`),
);

describe("the documentation", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-docs-"));
  after(() => rmSync(folder, { recursive: true }));

  it("has snippets and examples that a user can compile as they stand", () => {
    const found = [...markdown, ...sources].flatMap(snippets);
    assert.ok(found.length >= 3, `only ${found.length} snippets were found`);
    symlinkSync(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
    const files = found.map(({ name, code }, i) => {
      const file = path.join(folder, `snippet${i}.ts`);
      // Examples in doc comments leave the import of what they are about to the reader.
      const names = ["UserImport", "UserBatch", "ImportKey"].filter((each) => code.includes(`new ${each}(`));
      const imports = code.includes("import {")
        ? ""
        : `import { ${names.join(", ")} } from "pulumi-auth0-user-import";`;
      writeFileSync(file, `${imports} // ${name}\n${code}`);
      return file;
    });
    const examples = readdirSync(path.join(ROOT, "examples"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => path.join(ROOT, "examples", name, "index.ts"));
    const program = ts.createProgram([...files, ...examples], {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: ["node"],
      typeRoots: [path.join(ROOT, "node_modules/@types")],
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      paths: { "pulumi-auth0-user-import": [path.join(ROOT, "dist/provider/index.d.ts")] },
    });
    const problems = ts.getPreEmitDiagnostics(program).map((problem) => {
      const place = problem.file?.text.split("\n")[0] ?? "";
      return `${place}: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`;
    });
    assert.deepEqual(problems, []);
  }).timeout(60_000);

  it("links to files that exist", () => {
    for (const file of markdown) {
      const text = readFileSync(path.join(ROOT, file), "utf8");
      for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        const linked = path.join(ROOT, path.dirname(file), target as string);
        assert.ok(readdirSync(path.dirname(linked)).includes(path.basename(linked)), `${file} links to ${target}`);
      }
    }
  });

  it("has tables that begin with their header, and no rows that a merge has left behind", () => {
    for (const file of markdown) {
      const text = readFileSync(path.join(ROOT, file), "utf8").replaceAll(/^```.*?^```/gms, "");
      for (const [table] of text.matchAll(/(?<!^\|.*\n)^\|.*(\n\|.*)*/gm)) {
        const [header = "", line = ""] = table.split("\n");
        assert.match(line, /^\|( ?:?-+:? ?\|)+$/, `${file}: the table that begins with ${header}`);
      }
    }
  });

  it("names every argument of UserImport in the README's table", () => {
    const declared = ["provider/userImport.ts", "provider/resources/userBatch.ts"].flatMap((file) => {
      const text = readFileSync(path.join(ROOT, file), "utf8");
      return [...text.matchAll(/interface (?:ImportArgs|UserImportArgs)[^{]*\{([\s\S]*?)^\}/gm)].flatMap(
        ({ 1: body }) => [...(body ?? "").matchAll(/^ {2}(\w+)\??:/gm)].map(({ 1: name }) => name),
      );
    });
    const readme = readFileSync(path.join(ROOT, "README.md"), "utf8");
    const table = [...readme.matchAll(/^\| `(\w+)` \|/gm)].map(({ 1: name }) => name);
    assert.ok(declared.length >= 12);
    for (const name of declared) assert.ok(table.includes(name), `${name} is not in the table`);
  });
});

const PAGE = "docs/troubleshooting.md";
const read = (page: string) => readFileSync(path.join(ROOT, page), "utf8");

const wordsIn = (text: string) => text.match(/(?<![\w-])[A-Za-z’']{2,}(?![\w-])/g)?.length ?? 0;

/** Shorter ones are columns, codes, and parts of a line. */
const isMessage = ({ text }: Words) => wordsIn(text) >= 4 && !HELP.test(text);

/** What `--help` says below the options begins on a line of its own. */
const HELP = /^\n[A-Z]/;

const isPart = (text: string) => wordsIn(text) >= 3;
const texts: readonly Words[] = ["provider", "queue", "cli"].flatMap((folder) => textsIn(folder, isPart));

/** Rules of single records, which docs/validation.md has and whose codes docs/failure-codes.md explains; the report; SQL. */
const ELSEWHERE =
  /^provider\/(schema|results\/(report(\.ts|\/)|failureCodes)|resources\/shim\.ts:2)|^queue\/postgresStore/;

const CODES = read("docs/failure-codes.md") + read("docs/sources.md");

/** What a command tells as its result stands on its own page. */
const COMMANDS = ["sign-in", "verification", "validation"].map((page) => read(`docs/${page}.md`)).join("\n");

/** What needs no explanation, and why. Whole texts, so that another one is seen. */
const NEED_NONE: Readonly<Record<string, readonly string[]>> = {
  "stands within a message that is explained": [
    "the last of them … (……)",
    "take the array with the users out of it, for example with jq -c '.NAME[]' FILE",
    "this is not a file of users",
    "1 record, which is no user",
    "… records, which are no users",
    ": looked for in …, the program's folder, and in …, that of Pulumi.yaml",
    "something that is no Error",
    " (or the environment variable …)",
    "… … while looking a user up.",
    "Nothing was written over",
    ", and no import job was needed",
    "the password that they have in Auth0",
    "a block of Auth0's that the file does not have",
    "… found as identities of other accounts, and left alone.",
    "in the Auth0 Dashboard under Applications > APIs > Auth0 Management API > Machine to Machine Applications (or with an auth0.ClientGrant)",
    ", it wants a user name and password",
    "no answer in time",
    "it is not JSON",
    "it is cut off",
    "Nothing is concluded from it. Run again.",
    "required, to send import jobs",
    "optional, to settle jobs whose answer was lost, to send what changed of users, and to adopt users",
    "optional, to check the connection before the first job, which is left out now",
    ", then run `pulumi up` again",
    ", if you need that",
    "… Nothing was handed over, and the state is as before.",
    "The queue gave no answer within 2 s.",
    "Give the id of a database connection (strategy auth0).",
    "The client id or secret is wrong",
    "The application may not: switch on its grant «Password» (Applications > Advanced Settings > Grant Types), and enable it for the connection",
    "Check the name of the connection. An application that requires organizations can't do it at all",
    "The application may not: switch on its grant «Password»",
    "HTTP … of the proxy",
    "the transform makes none",
    " The first of them: …….",
    "…… All of them are in ….",
    "… linked to another account",
    "… deleted since an earlier verification",
    "required by `verify`, to read the connection back and to look users up",
    "required by `roles`, to give them",
    "required by `organizations`, to add members",
  ],
  "is a remark with a code of docs/sources.md": [
    "an apostrophe is taken from the beginning of each text in …, as Auth0 puts one there when it exports",
    "… of … … with an apostrophe, which is kept: take it out if a spreadsheet or an export has put it there",
    "… with an apostrophe at the beginning … in rows that Auth0 has not exported, so it is kept",
  ],
  "says all there is to say": [
    "There is no personal data to remove below ….",
    "Worker of the queue … at …, … at a time. Users files are looked for in ….",
    "Asked … to stop (…). It sends no more jobs, awaits those that run, and saves; the next `pulumi up` goes on from there.",
    "… of them overridden by later files",
    ", … of them overridden by later files",
    "… of them merged into records of later files",
    ", … of them merged into records of later files",
    "… files of the export",
    "since only Auth0 sets them",
    "since they are empty texts",
    "All of them are in ….",
    "where something was sent or is still to be verified: reads the connection back by an export job, and compares it with what was sent",
    "looking for … of … singly",
    "--csv FILE writes all of them into a table.",
    "of them under another user_id than the files say",
    "linked to another account, and not compared",
    "that an import leaves out",
    "locked out after too many wrong passwords",
    "not tried: has signed in before",
    "not tried: there is no such user in the connection",
    "who signed in before",
  ],
  "is of a failed record, whose code docs/failure-codes.md explains": [
    "Brought by this import, and not in the connection when it was read back",
  ],
  "is of the evidence and the report": [
    " + … to which somebody is linked",
    "… present + … linked + … missing + … gone = … expected",
    "… lines of the export… = … present + … others……",
  ],
  "is help of a command": ["What Auth0's documents leave open, or say in two ways; the default first:"],
  "nobody sees": [
    "there is no such kind",
    "The tenant has no roles.",
    "There are no fingerprints without the key.",
    "@pulumi/pulumi/package.json",
    "a source is at least one file",
  ],
};
const needNone = new Set(Object.values(NEED_NONE).flat());

describe("a message that a user can meet", () => {
  const patterns = documented(PAGE, /^(the message|it|the line) says$/);

  it(`is in ${PAGE}, by how it begins`, () => {
    const messages = texts.filter((each) => isMessage(each) && !ELSEWHERE.test(each.place));
    assert.ok(messages.length > 250 && patterns.length > 150, "the tables and the code are read");
    const telling = patterns.filter((pattern) => wordsIn(pattern) >= 2);
    const unexplained = messages.filter(({ place, text, code }) => {
      if (needNone.has(text) || (code !== undefined && CODES.includes(`\`${code}\``))) return false;
      if (place.startsWith("cli/") && COMMANDS.includes(longestPiece(text))) return false;
      return !telling.some((pattern) => beginsLike(text, pattern));
    });
    const told = unexplained.map(({ place, text }) => `${place}: ${text}`);
    assert.deepEqual(
      told,
      [],
      `Give each a row in ${PAGE}: the message in backticks, ${HOLE} for what differs from case to case; what it means; what to do. Where there is no more to say than it says itself, put it into NEED_NONE of this test.`,
    );
  });

  it("is in the code, where the page has it", () => {
    const all = [...texts, ...textsIn("emulator", isPart)].map(({ text }) => text);
    const gone = patterns.filter((pattern) => !all.some((text) => find(text, pattern) !== -1));
    assert.deepEqual(gone, [], `${PAGE} explains what no code says any more. What others say has a table of its own.`);
    const unused = [...needNone].filter((text) => !all.includes(text));
    assert.deepEqual(unused, [], "NEED_NONE has texts that are gone");
  });
});

/** Whether the pattern is about the first sentence: what follows says what to do. */
function beginsLike(text: string, pattern: string): boolean {
  const at = find(text, pattern);
  const end = text.search(/[^…][.:] [A-Z]/);
  return at !== -1 && (end === -1 || at <= end);
}

function find(text: string, pattern: string): number {
  const pieces = pattern.split(HOLE).map((piece) => piece.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  while (pieces.length > 1 && pieces[0]?.trim() === "") pieces.shift();
  const [first = "", ...others] = pieces;
  return text.search(new RegExp([first.trimStart(), ...others].join("[^]*?").trimEnd()));
}

function longestPiece(text: string): string {
  const pieces = text.split(HOLE).map((piece) => piece.replace(/^[\s.,:;()]+|[\s.,:;()]+$/g, ""));
  return pieces.reduce((longest, piece) => (piece.length > longest.length ? piece : longest));
}
