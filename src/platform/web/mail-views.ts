/** What the pages around mails show: asking for one, what a link in one opens, what came of it. */
import type { WayOn } from '../errors/errors.js';
import type { FormModel } from './views.js';

/** Field: `identifier`. */
export interface ForgotPasswordModel extends FormModel {
  readonly identifier: string;
  readonly loginHref: string;
}

/** What a link from a mail would do, with the button that does it. */
export interface ConfirmModel extends FormModel {
  readonly title: string;
  readonly text: string;
  /** The address it is about. */
  readonly subject: string;
  readonly label: string;
  readonly note?: string;
}

/** Something happened, and this is how to go on. */
export interface ToldModel {
  readonly title: string;
  readonly text: string;
  readonly note?: string;
  readonly waysOn: readonly WayOn[];
}

/** Fields: `email`, `password`. */
export interface EmailModel extends FormModel {
  readonly username: string;
  readonly email?: string;
  readonly verified: boolean;
  readonly value: string;
  /** Where to ask for a mail that proves the present address; left out where it is proven. */
  readonly verifyAction?: string;
}

export interface MailViews {
  readonly 'forgot-password': ForgotPasswordModel;
  readonly confirm: ConfirmModel;
  readonly told: ToldModel;
  readonly email: EmailModel;
}
