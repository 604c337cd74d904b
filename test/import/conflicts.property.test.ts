import fc from "fast-check";
import { lives } from "./deeds";
import { live } from "./lives";

describe("what an application does between the runs, and between reading and job", () => {
  for (const onConflict of ["keep", "merge", "overwrite"] as const) {
    it(`meets the table of conflicts under ${onConflict}`, async function () {
      this.timeout(120_000);
      await fc.assert(fc.asyncProperty(lives({ onConflict }), live), { numRuns: 80 });
    });
  }
});
