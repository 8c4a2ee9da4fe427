import type { Context } from 'koa';

/**
 * Whether the caller is a person's browser: `Accept` prefers HTML over JSON. A bare star or no header at
 * all is a program, which gets JSON.
 */
export const acceptsHtml = (ctx: Context): boolean => ctx.accepts('json', 'html') === 'html';
