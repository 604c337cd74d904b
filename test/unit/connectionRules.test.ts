import assert from "node:assert/strict";
import { RulingOptions, refusalBy, rulesOf } from "../../provider/schema/connectionRules";
import type { User } from "../../provider/schema/identity";

const refusal = (options: object, user: User): string | undefined => {
  const { code, path } = refusalBy(rulesOf("people", RulingOptions.parse(options)), user) ?? {};
  return code && `${code} ${path}`;
};

describe("what a connection wants of its users", () => {
  const email = "ann@example.com";

  for (const [what, options, user, refused] of [
    ["nothing where its options say nothing", {}, { email, username: "a".repeat(99) }, undefined],
    ["a username", { requires_username: true }, { email }, "OBJECT_REQUIRED username"],
    [
      "a username, of 15 characters where it says no more",
      { requires_username: true },
      { username: "a".repeat(16) },
      "MAX_LENGTH username",
    ],
    [
      "up to its own length",
      { requires_username: true, validation: { username: { min: 3, max: 40 } } },
      { username: "a".repeat(40) },
      undefined,
    ],
    [
      "not beyond it",
      { validation: { username: { min: 3, max: 40 } } },
      { email, username: "a".repeat(41) },
      "MAX_LENGTH username",
    ],
    [
      "not below it",
      { validation: { username: { min: 3, max: 40 } } },
      { email, username: "ab" },
      "MIN_LENGTH username",
    ],
    ["no username of one who needs none", { validation: { username: { min: 3, max: 40 } } }, { email }, undefined],
    [
      "a phone number",
      { attributes: { phone_number: { profile_required: true } } },
      { email },
      "OBJECT_REQUIRED phone_number",
    ],
    ["an email", { attributes: { email: { profile_required: true } } }, { username: "ann" }, "OBJECT_REQUIRED email"],
    [
      "no attribute that is not required",
      { attributes: { email: {}, username: { profile_required: false } } },
      { phone_number: "+1" },
      undefined,
    ],
    [
      "the length that its attribute has",
      { attributes: { username: { validation: { min_length: 2, max_length: 5 } } } },
      { username: "abcdef" },
      "MAX_LENGTH username",
    ],
    [
      "no less than that",
      { attributes: { username: { validation: { min_length: 2, max_length: 5 } } } },
      { username: "a" },
      "MIN_LENGTH username",
    ],
    [
      "nothing that can't be read of it",
      { attributes: { username: { validation: { max_length: "5" } } }, validation: 7 },
      { username: "abcdef" },
      undefined,
    ],
  ] as const) {
    it(what, () => assert.equal(refusal(options, user), refused));
  }

  it("says whether emails are unique", () => {
    const unique = (options: object) => rulesOf("people", RulingOptions.parse(options)).hasUniqueEmails;
    assert.deepEqual([{}, { attributes: { email: {} } }, { attributes: { email: { unique: true } } }].map(unique), [
      true,
      true,
      true,
    ]);
    assert.equal(unique({ attributes: { email: { unique: false } } }), false);
  });
});
