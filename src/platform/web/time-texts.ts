/** Times as pages write them: in UTC and said so, since the server does not know where its reader is. */
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const MOMENT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });

/** `24 November 2026` */
export const dayText = (at: number): string => DAY.format(at);

/** `24 Nov 2026, 09:05 UTC` */
export const momentText = (at: number): string => `${MOMENT.format(at)} UTC`;
