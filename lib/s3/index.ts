export { s3Blocks, type S3BlocksConfig } from './s3Blocks.js';
export type { S3ClientLike } from './s3-requests.js';
