/** What the pages of the permission service show; see `views.ts`. */

/** `/admin/services`: to look at; changes are made on the command line. */
export interface AdminServicesModel {
  readonly services: readonly {
    readonly name: string;
    readonly title?: string;
    readonly grants: readonly { readonly permission: string; readonly to: readonly string[] }[];
  }[];
  /** Those of `ALLOWED_SERVICES`: a module says what people may do in them. */
  readonly modules: readonly { readonly name: string; readonly module: string; readonly state: string }[];
  readonly roles: readonly {
    readonly name: string;
    readonly description?: string;
    readonly holders: string;
    readonly permissions: readonly string[];
  }[];
  /** Ready command lines. */
  readonly commands: readonly { readonly title: string; readonly text: string }[];
}

export interface PermissionViews {
  readonly 'admin-services': AdminServicesModel;
}
