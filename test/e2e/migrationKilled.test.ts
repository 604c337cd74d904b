// A small one, of thirty-some jobs. `npm run test:migration` has one of a real size.
import { testKilledMigration } from "../support/killedMigration";

testKilledMigration({ users: 400, batches: 10, recordBytes: 40_000, usersPerSecond: 16 });
