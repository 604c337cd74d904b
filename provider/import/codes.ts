/** Our own code for a record that makes every job fail as a whole; the service has none for it. */
export const JOB_FAILED = "JOB_FAILED";

/** Auth0's code for a record of which all but the factors was applied. Auth0 documentation says so of upserts. */
export const FACTORS_FAILED = "MFA_FACTORS_FAILED";
