import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transporter } from 'nodemailer';
import { newId } from '../crypto/ids.js';
import { isAddress } from './address.js';
import type { Mail } from './mails.js';

/** What takes a mail from here: a server, or a folder where there is none to be had. */
export interface MailTransport {
  /** The file it was kept in, where it was not sent. */
  send(mail: Mail): Promise<{ readonly file?: string }>;
}

export interface SmtpSettings {
  /** `smtp://user:password@host:587` or `smtps://…`, with nodemailer's options as a query. */
  readonly url: string;
  readonly from: string;
}

const SECONDS = 1000;

/** A mail that can go nowhere, however often it is tried. */
export class UnfitMail extends Error {
  readonly code = 'unfit_mail';
}

function checked(mail: Mail): Mail {
  if (!isAddress(mail.to)) throw new UnfitMail('this is no address a mail can go to');
  if (/[\r\n]/.test(mail.subject)) throw new UnfitMail('a subject is one line');
  return mail;
}

export function createSmtpTransport({ url, from }: SmtpSettings): MailTransport {
  const { hostname, username } = new URL(url);
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  let opened: Promise<Transporter> | undefined;
  const mailer = () => {
    // One that failed is not kept: the next mail tries again.
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  // Loaded with the first mail.
  const open = async () =>
    (await import('nodemailer')).createTransport({
      url,
      // A password never crosses a network in the clear, whatever the server offers.
      requireTLS: username !== '' && !loopback,
      connectionTimeout: 10 * SECONDS,
      greetingTimeout: 10 * SECONDS,
      socketTimeout: 20 * SECONDS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  return {
    async send(mail) {
      const { to, subject, text, html } = checked(mail);
      await (await mailer()).sendMail({
        from,
        // As an object: a comma or a bracket does not make two of it.
        to: { name: '', address: to },
        subject,
        text,
        html,
        // No answering machine answers it (RFC 3834).
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      return {};
    },
  };
}

/** Development without a mail server: each mail is a file to read, its HTML beside it. */
export function createOutbox(folder: string, from: string): MailTransport {
  return {
    async send(mail) {
      const { name, to, subject, text, html } = checked(mail);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Sorted by time, and the address is no part of a path.
      const file = join(folder, `${newId()}-${name}.txt`);
      const options = { mode: 0o600, flag: 'wx' } as const;
      await writeFile(file, `From: ${from}\nTo: ${to}\nSubject: ${subject}\n\n${text}`, options);
      await writeFile(file.replace(/\.txt$/, '.html'), html, options);
      return { file };
    },
  };
}
