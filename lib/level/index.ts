export { levelBlocks } from './levelBlocks.js';
export { levelCheckpoints } from './levelCheckpoints.js';
export type { LevelBlockDatabase, LevelChange, LevelDatabase, LevelReadOptions, LevelWriteOptions } from './level-database.js';
