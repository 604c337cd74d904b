import { readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { wayUp } from "./projectFolder";
import { bothFolders, NOT_THERE } from "./resolveFiles";
import { SourceError } from "./sourceError";

const RECIPES = "pulumi-auth0-user-import/recipes/";

/**
 * The files that a transform is, its module first. `transform` names a file, looked for as users files are; or else a
 * module that a package exports, as programs in `cwd` import it. This package's own recipes are found wherever `cwd`
 * is, and what they share counts with each of them.
 *
 * @param root a folder above `cwd`, where a file is looked for that is not in `cwd`
 * @returns names relative to `cwd`
 * @throws {SourceError} where there is nothing of that name
 */
export async function transformFiles(
  transform: string,
  cwd: string,
  root = cwd,
): Promise<readonly [string, ...string[]]> {
  if (await isThere(resolve(cwd, transform))) return [transform];
  if (root !== cwd && !isAbsolute(transform) && (await isThere(resolve(root, transform)))) {
    return [wayUp(cwd, root) + transform];
  }
  if (transform.startsWith(RECIPES)) return recipeFiles(transform, cwd);
  const module = moduleOfPackage(transform, cwd);
  if (module !== undefined) return [module];
  const reason =
    root === cwd || isAbsolute(transform) ? `can't be read: ${NOT_THERE}` : NOT_THERE + bothFolders(cwd, root);
  throw new SourceError([{ file: transform, message: reason }]);
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}

function moduleOfPackage(name: string, cwd: string): string | undefined {
  if (/^[./\\]/.test(name) || isAbsolute(name)) return undefined;
  try {
    return relative(cwd, createRequire(join(resolve(cwd), "_")).resolve(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") return undefined;
    throw new SourceError([{ file: name, message: "the package does not export this module" }]);
  }
}

function recipeFiles(transform: string, cwd: string): [recipe: string, shared: string] {
  const folder = dirname(require.resolve("../../recipes/shared"));
  const modules = readdirSync(folder).filter((file) => file.endsWith(".js") && file !== "shared.js");
  const module = `${transform.slice(RECIPES.length)}.js`;
  if (!modules.includes(module)) {
    const names = modules.map((file) => file.slice(0, -".js".length)).sort();
    throw new SourceError([{ file: transform, message: `there is no such recipe; there are ${names.join(", ")}` }]);
  }
  return [relative(cwd, join(folder, module)), relative(cwd, join(folder, "shared.js"))];
}
