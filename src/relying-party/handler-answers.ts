/** What handlers may answer. Anything else is a failure of theirs: a guess at what was meant could let somebody in. */
import { z } from 'zod';

const text = z.string().trim().min(1).max(255);

const nothing = z.union([z.undefined(), z.null()]).transform(() => undefined);

/** `authorized`: nothing, a refusal in words for the person, or where the browser goes in the end. */
export const authorizedAnswer = z.union([
  nothing,
  z.strictObject({ refuse: z.string().trim().min(1).max(500) }),
  z.strictObject({ returnTo: z.string().max(2048) }),
]);

/** `signup.info`: what is to be different. Who it is (issuer, subject) cannot be. */
export const infoAnswer = z.union([
  nothing,
  z
    .strictObject({
      email: z
        .email()
        .max(254)
        .transform((email) => email.replace(/@.*$/, (domain) => domain.toLowerCase())),
      emailVerified: z.boolean(),
      username: text,
      displayName: text,
      givenName: text,
      familyName: text,
      picture: z.url({ protocol: /^https$/ }).max(2048),
      attributes: z.record(z.string(), z.unknown()),
    })
    .partial(),
]);

export const viewAnswer = z.union([
  nothing,
  z.strictObject({
    notice: z.string().trim().min(1).max(500).optional(),
    values: z.record(z.string(), z.string().max(255)).optional(),
  }),
]);

const MAX_EXTRA = 16 * 1024;

/** `signup.setup`: JSON that is kept with the link. */
export const setupAnswer = z.union([
  nothing,
  z
    .record(z.string(), z.json())
    .refine((extra) => JSON.stringify(extra).length <= MAX_EXTRA, 'more than 16 KB cannot be kept'),
]);

const group = z.union([
  text.transform((id) => ({ id })),
  z.strictObject({
    id: text,
    name: text.optional(),
    description: z.string().trim().max(500).optional(),
  }),
]);

export const groupsAnswer = z.union([nothing, z.array(group).max(500)]);

/** `disconnect` and the hooks of signals: what they say decides nothing. */
export const anyAnswer = z.unknown();
