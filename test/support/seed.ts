import fc from "fast-check";

/**
 * Property tests take the same cases in every run of `npm test`, so that it fails for what has changed and not by chance.
 * Other cases are the soaks' part, or `FAST_CHECK_SEED=7 npm test`.
 */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.FAST_CHECK_SEED ?? 20261126) });
