import { defineConfig } from "vite";

// Names without hashes: the server tells by ETag whether a browser has the newest bytes, and the committed bundle keeps its
// names from one build to the next. `editor` is a chunk of its own, because the editor is larger than all the rest.
export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    assetsDir: "assets",
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: false,
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      output: {
        entryFileNames: "assets/annals.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/annals[extname]",
      },
    },
  },
  server: {
    proxy: {
      "/v1": proxied(),
      "/metrics": proxied(),
      "/openapi.json": proxied(),
    },
  },
});

/** The server of `npm run dev`; it answers a page only where the page came from, so the origin is turned into its own. */
function proxied() {
  const target = "http://127.0.0.1:6170";
  return { target, changeOrigin: true, headers: { origin: target } };
}
