import fc from "fast-check";
import type { OnConflict } from "../../provider/census/conflicts";
import type { User } from "../../provider/schema/identity";
import type { Group } from "./tableOfConflicts";

// What is done to users: in the file, by an application in the tenant, and by runs of the import.

export const NAMES = ["ann", "bob", "cem"] as const;
const KEYS = {
  user_metadata: ["plan", "lang", "cart"],
  app_metadata: ["tier", "seen"],
  profile: ["given_name", "nickname"],
} as const satisfies Record<Exclude<Group, "email_verified">, readonly string[]>;

/** What is changed in the file, or by the application; without a value, the key goes. */
export interface Change {
  readonly group: Exclude<Group, "email_verified">;
  readonly key: string;
  readonly value: number | undefined;
}

/** What an application, an administrator or the user does in the tenant. */
export type Deed =
  | { readonly does: "write"; readonly change: Change }
  /** To an address of their own, or to that of another, where that is free. */
  | { readonly does: "rename"; readonly to: number | undefined }
  | { readonly does: "verify" | "unverify" | "delete" | "link" | "signUp" };

export type Action = { readonly who: number } & (
  | { readonly is: "edit"; readonly change: Change }
  | { readonly is: "editVerified" }
  | { readonly is: "act"; readonly deed: Deed }
  | {
      readonly is: "run";
      /** Between the reading of a user and the job, or the call, that brings what changed of them. */
      readonly meanwhile: Deed | undefined;
      readonly dieAfterLine: number | undefined;
      /** The answer to the first job that changes somebody is lost, and the tenant has the job, or has it not. */
      readonly loses: "taken" | "not taken" | undefined;
    }
);

export interface Life {
  readonly reads: "singly" | "census";
  readonly onConflict: OnConflict;
  /** Whether the records have ids; else they are made up. */
  readonly hasIds: boolean;
  /** Whether the application may change single users. */
  readonly mayPatch: boolean;
  readonly actions: readonly Action[];
}

const change: fc.Arbitrary<Change> = fc.constantFrom(...(Object.keys(KEYS) as (keyof typeof KEYS)[])).chain((group) =>
  fc.record({
    group: fc.constant(group),
    key: fc.constantFrom<string>(...KEYS[group]),
    // An import job can't take an attribute away.
    value: group === "profile" ? fc.nat(3) : fc.option(fc.nat(3), { nil: undefined, freq: 4 }),
  }),
);

const write = fc.record({ does: fc.constant("write" as const), change });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { arbitrary: write, weight: 6 },
  {
    arbitrary: fc.record({
      does: fc.constant("rename" as const),
      to: fc.option(fc.nat(NAMES.length - 1), { nil: undefined }),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      does: fc.constantFrom("verify", "unverify", "delete", "link", "signUp"),
    }) as fc.Arbitrary<Deed>,
    weight: 3,
  },
);

const who = fc.nat(NAMES.length - 1);
const action: fc.Arbitrary<Action> = fc.oneof(
  { arbitrary: fc.record({ is: fc.constant("edit" as const), who, change }), weight: 5 },
  { arbitrary: fc.record({ is: fc.constant("editVerified" as const), who }), weight: 1 },
  { arbitrary: fc.record({ is: fc.constant("act" as const), who, deed }), weight: 5 },
  {
    arbitrary: fc.record({
      is: fc.constant("run" as const),
      who,
      meanwhile: fc.option(deed, { nil: undefined }),
      dieAfterLine: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined, freq: 2 }),
      // Rarely: each waits for a second.
      loses: fc.oneof(
        { arbitrary: fc.constant(undefined), weight: 15 },
        { arbitrary: fc.constantFrom("taken" as const, "not taken" as const), weight: 1 },
      ),
    }),
    weight: 4,
  },
);

export function lives(settings: Partial<Omit<Life, "actions">> = {}, longest = 14): fc.Arbitrary<Life> {
  return fc.record({
    reads: fc.constantFrom("singly", "census"),
    onConflict: fc.constantFrom("keep", "merge", "overwrite"),
    hasIds: fc.boolean(),
    mayPatch: fc.boolean(),
    actions: fc.array(action, { minLength: 2, maxLength: longest }),
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, fc.constant(value)])),
  }) as fc.Arbitrary<Life>;
}

export function edit(user: User, { group, key, value }: Change): void {
  const text = group === "profile" && value !== undefined ? `n${value}` : value;
  const fields = (group === "profile" ? user : { ...(user[group] as object) }) as Record<string, unknown>;
  if (text === undefined) delete fields[key];
  else fields[key] = text;
  if (group !== "profile") Object.assign(user, { [group]: fields });
}
