import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import ts from "typescript";

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
