// How many users a call takes. Apart from the calls, so that a preview can count them without loading Auth0's SDK.

/** Members in a call that adds them to an organization, or removes them (Auth0 documentation). */
export const MEMBERS_OF_CALL = 10;

/** So many users of a run are changed by calls of their own; for more an import job is quicker. */
export const MOST_PATCHED = 2_000;

/** Users in a call that gives a role: how many the service takes is not documented. */
export const USERS_OF_CALL = 50;
