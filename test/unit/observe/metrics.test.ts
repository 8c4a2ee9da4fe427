import { describe, expect, test } from '@jest/globals';
import { createMetrics, mergeMetrics } from '../../../src/platform/observe/metrics.js';
import { createRouteLabels } from '../../../src/platform/observe/route-label.js';

const lines = (text: string, start: string) => text.split('\n').filter((line) => line.startsWith(start));

describe('metrics', () => {
  test('counts of several processes add up', async () => {
    const [one, two] = [createMetrics({ version: '1' }), createMetrics({ version: '1' })];
    one.request('/oauth/token', 200, 12);
    one.request('/oauth/token', 503, 12);
    two.request('/oauth/token', 201, 700);
    one.tokensIssued('refresh_token');
    two.tokensIssued('refresh_token');
    two.audited('account.sign_in', 'failure');
    two.audited('client.created', 'success');
    one.committed(3, 7);
    const text = await mergeMetrics([await one.snapshot(), await two.snapshot()]);
    expect(lines(text, 'postern_http_request_duration_seconds_count')).toEqual([
      'postern_http_request_duration_seconds_count{route="/oauth/token",status="2xx"} 2',
      'postern_http_request_duration_seconds_count{route="/oauth/token",status="5xx"} 1',
    ]);
    expect(lines(text, 'postern_token_responses_total')).toEqual([
      'postern_token_responses_total{grant_type="refresh_token"} 2',
    ]);
    expect(lines(text, 'postern_sign_ins_total')).toEqual(['postern_sign_ins_total{outcome="failure"} 1']);
    expect(lines(text, 'postern_database_commit_units_sum')).toEqual(['postern_database_commit_units_sum 7']);
    expect(lines(text, 'postern_build_info')).toEqual([
      `postern_build_info{version="1",node="${process.version}"} 1`,
    ]);
    expect(lines(text, 'nodejs_eventloop_lag_p99_seconds')).toHaveLength(1);
  });
});

describe('the label of a route', () => {
  const label = createRouteLabels(['/oauth/token', '/oauth/authorize', '/oauth/authorize/:uid']);

  test.each([
    ['/clients/:id', '/clients/7', '/clients/:id'],
    [undefined, '/oauth/token', '/oauth/token'],
    [undefined, '/oauth/authorize', '/oauth/authorize'],
    [undefined, '/oauth/authorize/secret-uid', '/oauth/authorize/:uid'],
    [undefined, '/oauth/tokens', 'other'],
    [undefined, `/${'x'.repeat(40)}`, 'other'],
  ])('%p and %s: %s', (matched, path, expected) => {
    expect(label(matched, path)).toBe(expected);
  });
});
