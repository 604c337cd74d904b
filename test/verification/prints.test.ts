import assert from "node:assert/strict";
import fc from "fast-check";
import { packPrints, unpackPrints } from "../../provider/verification/prints";

describe("fingerprints of who is missing", () => {
  it("come back from the state as they were, in any order", () => {
    const print = fc.maxSafeNat().map((n) => n % 2 ** 52);
    fc.assert(
      fc.property(fc.uniqueArray(print), (prints) => {
        assert.deepEqual(unpackPrints(packPrints(prints)), new Set(prints.toSorted((a, b) => a - b)));
      }),
    );
  });

  it("are refused where they are not whole", () => {
    assert.throws(() => unpackPrints(packPrints([2 ** 51]).slice(0, 4)), RangeError);
  });
});
