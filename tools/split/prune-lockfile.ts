interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly link?: boolean }>>;
}

/**
 * The workspace's lockfile without its members, so that a service that is cut out gets the same versions of everything
 * else. npm completes it on install and drops what the service does not use.
 */
export function pruneLockfile(lockfile: Lockfile, name: string): Lockfile {
  const kept = Object.entries(lockfile.packages).filter(
    ([path, entry]) => path.startsWith("node_modules/") && entry.link !== true,
  );
  return { ...lockfile, ...{ name }, packages: Object.fromEntries(kept) };
}
