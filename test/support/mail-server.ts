/** A real SMTP server on a port of its own that keeps what it is given. */
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  readonly to: readonly string[];
  readonly from: string;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Both parts, decoded. */
  readonly text: string;
  readonly html: string;
  readonly raw: string;
}

export interface MailServer {
  readonly url: string;
  readonly mails: ReceivedMail[];
  /** The newest mail to an address. */
  to(address: string): ReceivedMail;
  /** So many of the next messages are refused with this code. */
  refuse(times: number, code: number): void;
  close(): Promise<void>;
}

/** Quoted-printable and base64 undone: the bodies as a reader sees them. */
function decode(part: string): string {
  const cut = part.indexOf('\r\n\r\n');
  const [head, body] = [part.slice(0, cut).toLowerCase(), part.slice(cut + 4)];
  if (head.includes('base64')) return Buffer.from(body, 'base64').toString('utf8');
  if (!head.includes('quoted-printable')) return body;
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function parse(raw: string, to: readonly string[], from: string): ReceivedMail {
  const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  const headers = Object.fromEntries(
    head.split('\r\n').map((line) => {
      const cut = line.indexOf(':');
      return [line.slice(0, cut).toLowerCase(), line.slice(cut + 1).trim()];
    }),
  );
  const boundary = /boundary="([^"]+)"/.exec(head)?.[1] ?? '';
  const parts = raw.split(`--${boundary}`);
  const part = (type: string) => {
    const found = parts.find((one) => one.toLowerCase().includes(`content-type: ${type}`));
    return found === undefined ? '' : decode(found.replace(/^\r\n/, ''));
  };
  return { to, from, headers, raw, text: part('text/plain'), html: part('text/html') };
}

export async function startMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  let refusals = { times: 0, code: 0 };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (refusals.times > 0) {
          refusals = { ...refusals, times: refusals.times - 1 };
          done(Object.assign(new Error('not now'), { responseCode: refusals.code }));
          return;
        }
        const { rcptTo, mailFrom } = session.envelope;
        const from = mailFrom === false ? '' : mailFrom.address;
        mails.push(
          parse(
            Buffer.concat(chunks).toString('utf8'),
            rcptTo.map(({ address }) => address),
            from,
          ),
        );
        done();
      });
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    to(address) {
      const found = mails.findLast((mail) => mail.to.includes(address));
      if (found === undefined) throw new Error(`no mail to ${address}`);
      return found;
    },
    refuse(times, code) {
      refusals = { times, code };
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** The one address of this server in a mail. */
export function linkIn({ text }: ReceivedMail): string {
  const [link = ''] = /https?:\/\/\S+/.exec(text) ?? [];
  return link;
}
