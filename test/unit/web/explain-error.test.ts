import { describe, expect, test } from '@jest/globals';
import { explain } from '../../../src/platform/web/explain-error.js';

const HREFS = (ways: readonly { href: string }[]) => ways.map((way) => way.href);

describe('an unregistered redirect address', () => {
  const fault = { error: 'invalid_redirect_uri' };
  const context = { clientName: 'Photos', redirectUri: 'https://evil.example/cb', startAgainHref: '/again' };

  test('is named, with the application it is not registered for', () => {
    expect(explain(fault, context).message).toContain(
      'The address https://evil.example/cb is not registered for Photos',
    );
  });

  test('is never a way on, nor is trying again', () => {
    expect(HREFS(explain(fault, context).waysOn)).toEqual(['/']);
    const known = { ...context, applicationHref: 'https://photos.example' };
    expect(HREFS(explain(fault, known).waysOn)).toEqual(['https://photos.example']);
  });

  test('is cut when it is very long, and may be missing', () => {
    const long = explain(fault, { redirectUri: `https://x.example/${'a'.repeat(5000)}` });
    expect(long.message.length).toBeLessThan(400);
    expect(explain(fault).message).toContain('this application');
  });
});

test('an unknown client is explained without a way to repeat it', () => {
  const said = explain(
    { error: 'invalid_client', description: 'client is invalid' },
    { startAgainHref: '/again' },
  );
  expect(said.title).toBe('Unknown application');
  expect(HREFS(said.waysOn)).toEqual(['/']);
});

test('an expired or reused interaction can be started again', () => {
  const fault = {
    error: 'invalid_request',
    kind: 'SessionNotFound',
    description: 'interaction session not found',
  };
  const said = explain(fault, {
    clientName: 'Photos',
    startAgainHref: '/oauth/authorize?client_id=1',
    applicationHref: 'https://photos.example',
  });
  expect(said.title).toBe('This sign-in attempt has expired');
  expect(said.waysOn).toEqual([
    { label: 'Start again', href: '/oauth/authorize?client_id=1' },
    { label: 'Back to Photos', href: 'https://photos.example' },
  ]);
});

test('the same code from another class is not called expired', () => {
  expect(explain({ error: 'invalid_request', kind: 'InvalidRequest' }).title).not.toContain('expired');
});

test('a home page with a scheme that runs is no way back', () => {
  expect(
    HREFS(explain({ error: 'invalid_scope' }, { applicationHref: 'javascript:alert(1)' }).waysOn),
  ).toEqual(['/']);
});

test('what nobody has words for still says something, and the description is for the developer', () => {
  const said = explain({ error: 'brand_new_error', description: 'nonce missing' });
  expect(said.title).not.toBe('');
  expect(said.help).toBe('nonce missing');
});

test.each(['constructor', '__proto__', 'toString'])(
  'an error called %s is an ordinary unknown one',
  (error) => {
    expect(explain({ error }).title).toBe(explain({ error: 'brand_new_error' }).title);
  },
);
