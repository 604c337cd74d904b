import assert from "node:assert/strict";
import { idsElsewhere } from "../../provider/import/idsElsewhere";
import type { ConnectionRules } from "../../provider/schema/connectionRules";
import type { User } from "../../provider/schema/identity";
import { TenantError } from "../../provider/tenant/errors";
import { countsIn, ImportTest, type Saved } from "./importTest";
import { CONNECTION_NAME, plainTenant } from "./plainTenant";

const ANN: User = { email: "ann@example.com", user_id: "ann", email_verified: true, given_name: "Ann" };
const RULES: ConnectionRules = { connection: CONNECTION_NAME, required: [], hasUniqueEmails: true, isSignupOpen: true };

describe("what the connection wants", () => {
  const at = ImportTest.forEach();

  const run = async (users: readonly User[], rules: Partial<ConnectionRules>, before?: Saved, overwrite = false) => {
    const { result, problem } = await at().run(users, {
      before,
      preflight: async () => ({ ...RULES, ...rules }),
      ...(overwrite ? { settings: { onExisting: "overwrite" } } : {}),
    });
    assert.equal(problem, undefined);
    return result;
  };
  const needsUsername = { required: [{ attribute: "username", option: "requires_username" }] };

  it("keeps a new user from being sent who lacks it", async () => {
    const bob = { ...ANN, email: "bob@example.com", user_id: "bob", username: "bob" };
    const result = await run([ANN, bob], needsUsername);
    assert.deepEqual(
      [countsIn(result), at().tenant.jobs.map(({ users }) => users.length)],
      [{ invalid: 1, inserted: 1 }, [1]],
    );
    const [failed] = result.failedRecords;
    assert.deepEqual([failed?.code, failed?.path, failed?.line], ["OBJECT_REQUIRED", "username", 1]);
    assert.match(String(failed?.message), /required by the connection "users" \(options\.requires_username\)/);
  });

  it("is no reason not to update a user who is there", async () => {
    const first = await run([ANN], {});
    assert.deepEqual(countsIn(await run([{ ...ANN, given_name: "Anna" }], needsUsername, first)), { updated: 1 });
  });

  it("where emails are not unique: new users come in, and nobody is updated by an email that others may have", async () => {
    const rules = { hasUniqueEmails: false };
    const first = await run([ANN], rules);
    assert.deepEqual(countsIn(first), { inserted: 1 });
    const second = await run([{ ...ANN, given_name: "Anna" }], rules, first);
    assert.deepEqual([countsIn(second), at().tenant.jobs.length], [{ notApplied: 1 }, 1]);
    assert.match(String(second.notApplied[0]?.reason), /emails are not unique in this connection/);

    at().startAnew();
    at().tenant.users.set("ann", { ...person("ann", CONNECTION_NAME), attributes: {} });
    const third = await run([ANN], rules, undefined, true);
    assert.deepEqual(countsIn(third), { failed: 1 });
    assert.match(String(third.failedRecords[0]?.message), /can't tell whom to write over/);
  });
});

const person = (id: string, connection: string) => ({
  ...{ user_id: `auth0|${id}`, email: `${id}@example.com`, email_verified: true },
  ...{ created_at: "2020-01-01T00:00:00.000Z", identities: [{ connection }] },
});

describe("ids of the source", () => {
  const asked = (connection: string) =>
    idsElsewhere(
      plainTenant([person("a", CONNECTION_NAME), person("b", connection)].map((user) => ({ ...user, attributes: {} }))),
      ["a", "b", "c"],
      CONNECTION_NAME,
    );

  it("stop a first import where another connection has them: it names that one", async () => {
    const { problem } = await asked("old-users");
    assert.match(String(problem), /^Of 3 user_ids that were looked up, 1 belong to .* \("old-users"\)/);
  });

  it("are no problem where they are this connection's, or nobody's", async () => {
    assert.deepEqual(await asked(CONNECTION_NAME), {});
  });

  it("are told not to have been looked up without read:users", async () => {
    const user = () => Promise.reject(new TenantError("forbidden", 403));
    const { note, problem } = await idsElsewhere({ user }, ["a"], CONNECTION_NAME);
    assert.match(String(note), /read:users/);
    assert.equal(problem, undefined);
  });
});
