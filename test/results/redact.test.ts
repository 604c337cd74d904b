import assert from "node:assert/strict";
import fc from "fast-check";
import { maskIdentity } from "../../provider/results/maskIdentity";
import { redact, redactValues } from "../../provider/results/redact";

describe("maskIdentity", () => {
  it("shows of each kind of identity what a person can check a find by", () => {
    const masked = {
      "email:jane.doe@example.com": "email:ja***@ex***",
      "email:jane@example.com": "email:j***@ex***",
      "phone_number:+12125550001": "phone_number:***01",
      "user_id:5f7c8ec7c33c6c004bbafe82": "user_id:5f***",
      "username:janedoe1": "username:ja***",
      "user_id:jane:doe@example.com": "user_id:ja***",
    };
    for (const [identity, expected] of Object.entries(masked)) assert.equal(maskIdentity(identity), expected);
  });

  it("shows nothing of what is short", () => {
    const masked = {
      "email:bob@x.io": "email:***@x***",
      "email:bob@": "email:***@***",
      "email:": "email:***",
      "username:li": "username:***",
      "phone_number:110": "phone_number:***",
      "no identity": "no***",
    };
    for (const [identity, expected] of Object.entries(masked)) {
      assert.equal(maskIdentity(identity), expected);
    }
  });

  it("never shows more than a quarter of any part, nor its length", () => {
    const attribute = fc.constantFrom("email", "user_id", "username", "phone_number");
    const text = fc.string({ unit: "grapheme-composite", maxLength: 40 });
    fc.assert(
      fc.property(attribute, text, (name, value) => {
        const masked = maskIdentity(`${name}:${value}`);
        assert.ok(masked.startsWith(`${name}:`));
        const [local = "", domain = ""] = masked.slice(name.length + 1).split(/(?<=\*\*\*)@/);
        for (const part of [local, domain]) {
          const kept = [...part.replace("***", "")];
          assert.ok(kept.length <= 2 && kept.length <= [...value].length / 4, masked);
        }
      }),
    );
  });
});

describe("redact", () => {
  it("masks the values that the service's validator quotes, whole or broken", () => {
    const messages = {
      "Error in email property - Object didn't pass validation for format email: jane.doe@":
        "Error in email property - Object didn't pass validation for format email: ‹value›",
      "String does not match pattern ^\\+[0-9]{1,15}$: 0171 55":
        "String does not match pattern ^\\+[0-9]{1,15}$: ‹value›",
      "No enum match for: Jane\nDoe": "No enum match for: ‹value›",
      "The user jane.doe@ has number 01715550001, +12125550001": "The user ‹email› has number ‹number›, ‹phone›",
    };
    for (const [message, expected] of Object.entries(messages)) assert.equal(redact(message), expected);
  });

  it("leaves what helps", () => {
    for (const message of [
      "Error in name property - String is too long (151 chars), maximum 150",
      "Payload validation error: 'String does not match pattern ^con_[A-Za-z0-9]{16}$' on property connection_id",
      "Missing required property: email",
      "Failed in job_1234567890123456",
    ]) {
      assert.equal(redact(message), message);
    }
  });

  it("masks every value of the record that a message is about", () => {
    const user = { name: "Jane Doe", city: "Al", born: 1987, user_metadata: { tags: ["vip", "Jane"] }, blocked: true };
    assert.equal(
      redactValues(
        "JANE DOE (Jane), vip, of Al, born 1987: Additional properties not allowed; blocked must be true",
        user,
      ),
      "‹value› (‹value›), ‹value›, of ‹value›, born ‹value›: Additional properties not allowed; blocked must be true",
    );
  });

  it("lets no text of a record of five characters or more through", () => {
    const text = fc.string({ minLength: 5, maxLength: 30 }).filter((value) => value.trim().length >= 5);
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), fc.string(), (values, noise) => {
        const told = redactValues(`${noise}${values.join(noise)}`, { user_metadata: { values } });
        for (const value of values) assert.ok(!told.toLowerCase().includes(value.toLowerCase()), told);
      }),
    );
  });
});
