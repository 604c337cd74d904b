// `npm run test:migration`: a migration of a real size. Some minutes; `npm test` has a small one, migrationKilled.test.ts.
import { testKilledMigration } from "../support/killedMigration";

testKilledMigration({ users: 100_000, batches: 16, recordBytes: 450, usersPerSecond: 850 });
