import { createRequire } from 'node:module';
import type * as Newest from '@aws-sdk/client-kinesis';

/** The SDK's module; older ones have the same names, as far as the specs use them. */
export type KinesisSdk = typeof Newest;

/**
 * The versions of the SDK that the package is tested with: the first whose commands know `StreamARN`, which is the oldest that
 * the peer range allows, then one of each generation of how it makes requests, and the newest.
 */
export const OLDER_SDKS = ['3.238.0', '3.600.0', '3.840.0', '3.934.0'] as const;

const require = createRequire(import.meta.url);

/** Where an older version is installed under a name of its own; `undefined` where it is not. */
function load(version: string): KinesisSdk | undefined {
  const name = `kinesis-sdk-${version}`;
  try {
    require.resolve(name);
  } catch {
    return undefined;
  }
  return require(name) as KinesisSdk;
}

/** A version to test with. */
export interface SdkVersion {
  readonly version: string;
  readonly sdk: KinesisSdk;
}

/** The versions that are installed here: the newest is a development dependency, `.ci/run` installs the others. */
export const installedSdks: readonly SdkVersion[] = [
  ...OLDER_SDKS.flatMap((version) => {
    const sdk = load(version);
    return sdk ? [{ version, sdk }] : [];
  }),
  newest(),
];

/** The versions that are not. */
export const missingSdks = OLDER_SDKS.filter((version) => !installedSdks.some((each) => each.version === version));

/** Says aloud, as a spec, which versions a suite did not run with. */
export function tellMissingSdks(file: string): void {
  if (missingSdks.length === 0) return;
  it(`older SDKs: not run, kinesis-sdk-${missingSdks.join(', ')} are not installed (.ci/run does it)`, () => {
    console.warn(`${file} did not run with the AWS SDK ${missingSdks.join(', ')}: not installed`);
  });
}

function newest(): SdkVersion {
  const { version } = require('@aws-sdk/client-kinesis/package.json') as { readonly version: string };
  return { version, sdk: require('@aws-sdk/client-kinesis') as KinesisSdk };
}
