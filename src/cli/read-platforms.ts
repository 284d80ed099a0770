import { parsePlatform, type WantedPlatform } from "../core/bundle/dump/platform.ts";

/** A text says which is none. */
export function readPlatforms(texts: readonly string[] = []): readonly WantedPlatform[] | string {
  const platforms: WantedPlatform[] = [];
  for (const text of texts) {
    const platform = parsePlatform(text);
    if (platform === undefined)
      return `${JSON.stringify(text)} is no platform: write OS/ARCH or OS/ARCH/VARIANT, such as linux/amd64`;
    platforms.push(platform);
  }
  return platforms;
}
