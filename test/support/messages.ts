import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

const ROOT = path.resolve(__dirname, "../../..");

/** What stands in a text for what differs from case to case. */
export const HOLE = "…";

/** A text of the code that has words. */
export interface Words {
  /** File and line. */
  readonly place: string;
  readonly text: string;
  /** Of a finding, which has its code beside its text. */
  readonly code?: string;
}

/** Calls whose texts nobody reads as a message: names of modules, and what `--help` says, which explains itself. */
const NO_MESSAGE = /^(import|require\.resolve|subscribe|.*\.(description|option|argument|addHelpText)|Option)$/;

/** Calls that put words of their own before the text. */
const BEFORE: readonly (readonly [call: RegExp, words: string])[] = [
  // `… could not be reached while reading a user`
  [/(#call|\.ask|askOnce)$/, `${HOLE} could not be reached while `],
  [/\.waiting$/, "waiting for "],
];

/**
 * All texts with words in a folder's TypeScript. Whatever a function does with a text, it is here: a list of the ways in
 * which a message can reach a user would miss the next one.
 *
 * @param isPart whether a text is left out that stands within another one, as `${isOne ? "user is" : "users are"}` does.
 */
export function textsIn(folder: string, isPart: (text: string) => boolean): Words[] {
  const names = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => textsOf(`${folder}/${name.replaceAll(path.sep, "/")}`, isPart));
}

function textsOf(file: string, isPart: (text: string) => boolean): Words[] {
  const source = ts.createSourceFile(file, readFileSync(path.join(ROOT, file), "utf8"), ts.ScriptTarget.ES2023, true);
  const found: Words[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node)) return;
    const call = calleeOf(node);
    if (call !== undefined && NO_MESSAGE.test(call)) return;
    const text = textOf(node);
    if (text !== undefined) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      const before = BEFORE.find(([pattern]) => pattern.test(calleeOf(node.parent) ?? ""))?.[1] ?? "";
      found.push({ place: `${file}:${line + 1}`, text: before + text, ...codeBeside(node) });
      if (ts.isTemplateExpression(node) && isPart(text)) return;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map(({ literal }) => HOLE + literal.text).join("");
}

function calleeOf(node: ts.Node): string | undefined {
  if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return undefined;
  const { expression } = node;
  return ts.isPropertyAccessExpression(expression) ? `.${expression.name.text}` : expression.getText();
}

/** `{ code: "FORMAT", message: "…" }`, also where the message is a variable just before it. */
function codeBeside({ parent }: ts.Node): { readonly code?: string } {
  if (ts.isVariableDeclaration(parent)) {
    const name = parent.name.getText();
    const block = parent.parent.parent.parent.getText();
    const code = new RegExp(`code: "(\\w+)",[^{}]*\\b${name} }`).exec(block)?.[1];
    return code === undefined ? {} : { code };
  }
  if (!ts.isPropertyAssignment(parent) || !ts.isObjectLiteralExpression(parent.parent)) return {};
  const code = parent.parent.properties.find((each) => each.name?.getText() === "code");
  const text = code !== undefined && ts.isPropertyAssignment(code) ? textOf(code.initializer) : undefined;
  return text === undefined ? {} : { code: text };
}

/** The texts in backticks of the columns of a page's tables that say what a message says. */
export function documented(page: string, columns: RegExp): string[] {
  const found: string[] = [];
  let column = -1;
  for (const line of readFileSync(path.join(ROOT, page), "utf8").split("\n")) {
    if (!line.startsWith("|")) {
      column = -1;
      continue;
    }
    const cells = line.slice(1).split(/(?<!\\)\|/);
    const heading = cells.findIndex((cell) => columns.test(cell.trim()));
    if (heading !== -1) column = heading;
    else if (line.startsWith("| ") && !line.startsWith("| ---")) {
      // A text that has backticks itself stands between two of them.
      for (const [, two, one] of (cells[column] ?? "").matchAll(/`` (.*?) ``|`([^`]+)`/g)) found.push(two ?? one ?? "");
    }
  }
  return found;
}
