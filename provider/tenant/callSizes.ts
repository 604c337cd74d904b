// How many users a call takes. Apart from the calls, so that a preview can count them without loading Auth0's SDK.

/** Members in a call that adds them to an organization, or removes them (Auth0 documentation). */
export const MEMBERS_OF_CALL = 10;

/** Calls that a user may take who is read: by id, and by email. */
export const READ_CALLS = 2;

/** Calls for a user who is changed by calls of their own: one reads, one changes. */
export const PATCH_CALLS = 2;

/**
 * Up to so many calls users are read one by one on any tenant, and beyond the other number on none: what 2 and what 16
 * calls a second allow in five minutes (`ReadBudget`).
 */
export const FEWEST_READ_SINGLY = 600;
export const MOST_READ_SINGLY = 4_800;

/** So many users of a run are changed by calls of their own; for more an import job is quicker. */
export const MOST_PATCHED = 2_000;

/** Users in a call that gives a role: how many the service takes is not documented. */
export const USERS_OF_CALL = 50;

/**
 * Users whose roles and memberships are dealt with together: their calls are full, and little is done again after a
 * `kill -9`. Who is read first counts for several: the first reading is not to be ten minutes old when the last call is
 * made.
 */
export const USERS_DEALT_WITH = 1_000;
export const READ_WEIGHT = 4;

/** Calls a minute that Auth0 takes to write members and their roles, and on small plans to give roles, too (rate limit policy). */
export const MEMBERSHIP_CALLS_A_MINUTE = 200;
