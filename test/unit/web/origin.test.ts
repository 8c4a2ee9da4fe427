import { expect, test } from '@jest/globals';
import { createOriginRule } from '../../../src/platform/web/origin.js';
import { fakeContext, thrownBy } from './fake-context.js';

const rule = createOriginRule({
  issuer: 'https://id.example',
  acceptedHosts: ['id.example', 'login.example:443', 'id.example:8443'],
});
const post = (headers: Record<string, string>) => fakeContext({ method: 'POST', headers });

test.each([
  [{ origin: 'https://evil.example' }],
  [{ origin: 'null' }],
  [{ origin: 'http://id.example' }],
  [{ origin: 'https://id.example.evil.example' }],
  [{ origin: 'https://id.example:444' }],
  [{ origin: 'https://id.example, https://evil.example' }],
  [{ 'sec-fetch-site': 'cross-site' }],
  [{ 'sec-fetch-site': 'same-site' }],
  [{ origin: 'https://id.example', 'sec-fetch-site': 'cross-site' }],
])('%j is another site', async (headers) => {
  expect(await thrownBy(() => rule.require(post(headers)))).toMatchObject({
    status: 403,
    code: 'cross_site_request',
  });
});

test.each([
  [{}],
  [{ origin: 'https://id.example' }],
  [{ origin: 'https://login.example' }],
  [{ origin: 'https://id.example:8443', 'sec-fetch-site': 'same-origin' }],
  [{ 'sec-fetch-site': 'none' }],
])('%j is us', (headers) => rule.require(post(headers)));
