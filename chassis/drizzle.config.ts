import { defineConfig } from "drizzle-kit";

// Drafts a migration: npx drizzle-kit generate. STRICT, WITHOUT ROWID, CHECK and triggers are edited in by hand.
export default defineConfig({ dialect: "sqlite", schema: "./src/storage/schema.ts", out: "./.build/migrations" });
