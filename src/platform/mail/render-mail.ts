import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ejs from 'ejs';
import { MAIL_SUBJECTS, type Mail, type MailModels, type MailName } from './mails.js';

/** Makes a mail of its two templates. */
export type RenderMail = <N extends MailName>(name: N, to: string, model: MailModels[N]) => Mail;

interface Sender {
  readonly name: string;
  readonly issuer: string;
}

/** The names a template may use; anything else is a ReferenceError, not an empty text. */
const LOCALS = ['mail', 'sender', 'title', 'link', 'label'];

// Nothing in a text may begin a line of its own or turn the reading direction.
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu;

const plain = (value: unknown): string => String(value ?? '').replace(UNSAFE, ' ');

/** @param deps `viewsDirs`: the default templates, then the override folder where there is one */
export function createRenderMail(deps: {
  readonly viewsDirs: readonly string[];
  readonly sender: Sender;
}): RenderMail {
  const root = [...deps.viewsDirs].reverse();

  function fill(file: string, data: object, write?: (value: unknown) => string): string {
    const dir = root.find((candidate) => existsSync(join(candidate, file)));
    if (dir === undefined) throw new Error(`no template ${file} in ${root.join(', ')}`);
    const filename = join(dir, file);
    const options = {
      filename,
      root,
      strict: true,
      destructuredLocals: LOCALS,
      ...(write && { escape: write }),
    };
    return ejs.compile(readFileSync(filename, 'utf8'), options)(data);
  }

  return (name, to, model) => {
    const data = { mail: model, sender: deps.sender };
    return {
      name,
      to,
      subject: plain(`${MAIL_SUBJECTS[name]} (${deps.sender.name})`),
      text: fill(`mail/${name}.text.ejs`, data, plain),
      html: fill(`mail/${name}.html.ejs`, data),
    };
  };
}
