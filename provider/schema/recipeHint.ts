/** What `transform` takes for a recipe of the package. */
export function recipeModule(name: string): string {
  return `pulumi-auth0-user-import/recipes/${name}`;
}

/** The end of a sentence about a hash that a recipe knows what to do with. */
export function recipeHint(name: string): string {
  return `. The recipe for such records is ${recipeModule(name)}`;
}
