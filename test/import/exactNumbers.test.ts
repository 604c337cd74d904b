import assert from "node:assert/strict";
import { parseExactly } from "../../provider/json/parseExactly";
import type { User } from "../../provider/schema/identity";
import { countsIn, ImportTest } from "./importTest";

describe("a number that doubles do not keep", () => {
  const at = ImportTest.forEach();

  /** What the tenant got, job by job. */
  function sent(): string[] {
    const texts: string[] = [];
    const { submit } = at().tenant;
    at().tenant.submit = (request, payload, ...others) => {
      texts.push(payload.toString());
      return submit(request, payload, ...others);
    };
    return texts;
  }
  const user = (id: string, more = ""): User =>
    parseExactly(
      `{"user_id":"1","email":"a@b.co","email_verified":true${more},"app_metadata":{"id":${id},"n":1.50},"user_metadata":{"x":1e400}}`,
    ) as User;

  it("is sent as the file has it, and an edit of its last digit is a change", async () => {
    const jobs = sent();
    const first = await at().run([user("441319831392747531")]);
    assert.deepEqual(countsIn(first.result), { inserted: 1 });
    assert.match(jobs[0] ?? "", /"app_metadata":\{"id":441319831392747531,"n":1\.5\},"user_metadata":\{"x":1e400\}/);
    const again = await at().run([user("441319831392747531")], { before: first.result });
    assert.deepEqual([countsIn(again.result), jobs.length], [{ unchanged: 1 }, 1]);
    const edited = await at().run([user("441319831392747532")], { before: again.result });
    assert.deepEqual(countsIn(edited.result), { updated: 1 });
    assert.match(jobs[1] ?? "", /"app_metadata":\{"id":441319831392747532,"n":1\.5\}/);
    assert.doesNotMatch(jobs[1] ?? "", /user_metadata/);
  });

  it("arrives so, too, where the user was there before", async () => {
    await at().run([{ email: "a@b.co", user_id: "1", email_verified: true }]);
    const jobs = sent();
    const { result } = await at().run([user("441319831392747531")], {
      settings: { onExisting: "overwrite", created: new Date(0) },
    });
    assert.equal(result.summary.failed, 0);
    assert.match(jobs.at(-1) ?? "", /"id":441319831392747531/);
  });

  it("changes no fingerprint where a double keeps it, however it is spelt", async () => {
    const first = await at().run([user("441319831392747520")]);
    const rounded = JSON.parse(JSON.stringify(user("4.4131983139274752e17"))) as User;
    const again = await at().run([{ ...rounded, user_metadata: user("1").user_metadata }], { before: first.result });
    assert.deepEqual(countsIn(again.result), { unchanged: 1 });
  });
});
