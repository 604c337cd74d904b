export class IdentifierIndex {
  readonly #m = new Map<string, number>();
  add(
    index: number,
    user: Record<string, unknown>,
  ): readonly { attribute: "email" | "user_id" | "username" | "phone_number"; earlier: number }[] {
    return (["email", "user_id", "username", "phone_number"] as const).flatMap((attribute) => {
      const v = user[attribute];
      if (typeof v !== "string" || v === "") return [];
      const k = `${attribute}:${v.toLowerCase()}`;
      const earlier = this.#m.get(k);
      if (earlier === undefined) {
        this.#m.set(k, index);
        return [];
      }
      return [{ attribute, earlier }];
    });
  }
}
