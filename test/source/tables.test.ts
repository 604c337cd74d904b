import assert from "node:assert/strict";
import { examine, type ReadingOptions } from "../../cli/examine";
import { SourceError } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

describe("tables of spreadsheets and databases", () => {
  let folder: UsersFolder;
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(() => folder.remove());

  async function look(content: string, reading: ReadingOptions = {}) {
    const examination = await examine([await folder.write("users.csv", content)], folder.path, () => {}, reading);
    await examination.close();
    const { users, invalid, remarks, leftOut } = examination;
    return { users, invalid, remarks: remarks.map(({ code }) => code), empty: leftOut.empty };
  }
  const refused = async (content: string, reading: ReadingOptions = {}) => {
    const error = await look(content, reading).catch((caught: unknown) => caught);
    assert.ok(error instanceof SourceError, String(error));
    return error.message;
  };

  it("may have blanks in cells that have no name", async () => {
    const rows = ["user_id,email,email_verified,,name,", "1,a@b.co,t, ,A,", "2,c@d.eu,f,,B, ,\t,", "3,e@f.org,t"];
    assert.deepEqual(await look(rows.join("\n")), {
      ...{ users: 3, invalid: 0, empty: {} },
      remarks: ["SHORT_ROWS", "NAMELESS_COLUMNS", "NAMELESS_COLUMNS"],
    });
    assert.match(await refused(`${rows.join("\n")},x\n4,g@h.co,t,x,C`), /cell 4 of the row/);
    assert.match(await refused(`${rows.join("\n")}\n4,g@h.co,t,,C,,x`), /row has 7 cells/);
  });

  it("may say the same of every hash, also where there is none", async () => {
    const hash = "$2y$12$4gSpaBTyG6DGhEX5wlYWjWcyrc0aPkl4CcbmY/X2D8/P7701EwgGD";
    const header = "user_id,email,email_verified,custom_password_hash.algorithm,custom_password_hash.hash.value";
    const rows = (more: string) =>
      `1,a@b.co,t,bcrypt,${hash}${more}\n2,c@d.eu,t,bcrypt,${more}\n3,e@f.org,t,,${more}\n`;
    const without = { users: 3, invalid: 0, remarks: [] };
    assert.deepEqual(await look(`${header}\n${rows("")}`), { ...without, empty: { custom_password_hash: 1 } });
    const more = `${header},custom_password_hash.hash.encoding`;
    assert.deepEqual(await look(`${more}\n${rows(",utf8")}`), { ...without, empty: { custom_password_hash: 2 } });
    // Without a column for it, what is missing is a mistake.
    const algorithms = "user_id,email,email_verified,custom_password_hash.algorithm\n1,a@b.co,t,bcrypt\n";
    assert.equal((await look(algorithms)).invalid, 1);
  });

  it("do not lose their first user to a transform, where they have no header", async () => {
    const transform = await folder.write(
      "map.cjs",
      "module.exports = (r) => ({ email: Object.values(r)[0] + '@b.co' });",
    );
    for (const row of [
      "jane,1990-01-01,gold",
      "jane;+4915112345678",
      "jane\t5f7c8ec7-c33c-4ddd-8bba-fe8200000000",
      "jane,true,x",
    ]) {
      assert.match(await refused(`${row}\n${row.replace("jane", "john")}\n`, { transform }), /:1:1: no header/);
    }
    assert.equal((await look("name,born,plan\njane,1990-01-01,gold\n", { transform })).users, 1);
  });
});
