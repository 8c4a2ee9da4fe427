/** A service that asks what people may do in it, and whom it is granted to. */
export interface Service {
  readonly name: string;
  readonly title?: string | undefined;
  readonly createdAt: number;
  readonly createdBy: string;
}

export type Grantee =
  | { readonly kind: 'account'; readonly accountId: string }
  | { readonly kind: 'role'; readonly role: string };

export interface ServiceGrant {
  readonly service: string;
  readonly permission: string;
  readonly grantee: Grantee;
  readonly createdAt: number;
  readonly createdBy: string;
}

/** A grant with a name people know. */
export interface NamedGrant extends ServiceGrant {
  /** User name, or role; an account that is gone is named by its id. */
  readonly granteeName: string;
}

/** The audience of user tokens: no service may be named like it. */
export const USER_AUDIENCE = 'auth';

/** What is wrong with the name of a service, or `undefined`. It is an audience and part of addresses. */
export function serviceFault(name: string): string | undefined {
  if (name === USER_AUDIENCE) return `The name ${USER_AUDIENCE} is the permission service’s own.`;
  return isServiceName(name)
    ? undefined
    : 'A service is named with a letter or digit and up to 63 more letters, digits or _ . -';
}

export const isServiceName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name);

/** What is wrong with the name of a permission, or `undefined`. */
export const permissionFault = (permission: string): string | undefined =>
  /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$/.test(permission)
    ? undefined
    : 'A permission is named with a letter or digit and up to 99 more letters, digits or _ . : / -';
