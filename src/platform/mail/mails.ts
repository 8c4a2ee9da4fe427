/**
 * Every mail and what it needs, as `web/views.ts` does it for pages. Each has two templates in
 * `views/mail`, one of text and one of HTML; `VIEWS_DIR` may replace either.
 */
interface LinkMail {
  readonly link: string;
  /** How long the link works: "30 minutes". */
  readonly validFor: string;
}

export interface MailModels {
  /** To an address nobody has proven: says nothing that the person who typed it could choose. */
  readonly 'verify-email': LinkMail;
  readonly 'reset-password': LinkMail & { readonly username: string };
  /** To the new address, not yet proven either. */
  readonly 'change-email': LinkMail;
  /** To the former address, with the link that undoes it. */
  readonly 'email-changed': LinkMail & { readonly username: string };
  readonly 'password-changed': { readonly username: string; readonly link: string };
  /** `deleteOn`: the day in words. */
  readonly 'account-leaving': {
    readonly username: string;
    readonly deleteOn: string;
    readonly link: string;
  };
  /** To the account's proven address, with the link that undoes it. `title`: the upstream's. */
  readonly 'account-linked': LinkMail & { readonly username: string; readonly title: string };
  /** After a first sign-in through an upstream that asks for it. */
  readonly welcome: Pick<LinkMail, 'link'>;
  readonly invitation: LinkMail;
}

export type MailName = keyof MailModels;

export const MAIL_SUBJECTS: Readonly<Record<MailName, string>> = {
  'verify-email': 'Confirm your e-mail address',
  'reset-password': 'Choose a new password',
  'change-email': 'Confirm your new e-mail address',
  'email-changed': 'Your e-mail address was changed',
  'password-changed': 'Your password was changed',
  'account-leaving': 'Your account is about to be deleted',
  'account-linked': 'Another way to sign in was connected',
  welcome: 'Your account is ready',
  invitation: 'You are invited to make an account',
};

/** A mail ready to go. */
export interface Mail {
  readonly name: MailName;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}
