"""Tags of files and streams: which go along, and which describe the old file and not the film."""

from __future__ import annotations

__all__ = ["MP4_TAGS", "QUICKTIME_TAGS", "file_metadata", "film_metadata"]

# Of the old file itself: brands and the program that wrote it.
FILE_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})
# Of the old coding of the picture. Matroska's statistics (BPS, NUMBER_OF_FRAMES, ...) may carry a language suffix.
CODING_TAGS = (
    "encoder",
    "rotate",
    "bps",
    "duration",
    "number_of_frames",
    "number_of_bytes",
    "_statistics",
    "variant_bitrate",
)

# Tags that MP4 and QuickTime store where every player looks for them. Others need FFmpeg's own list of keys, which
# takes the place of the usual one.
QUICKTIME_TAGS = frozenset(
    {"album", "artist", "comment", "copyright", "creation_time", "date", "genre", "location", "make", "model", "title"}
)
MP4_TAGS = (QUICKTIME_TAGS - {"make", "model"}) | {
    "album_artist", "composer", "description", "disc", "episode_id", "grouping", "keywords", "location-eng", "lyrics",
    "network", "show", "synopsis", "track",
}  # fmt: skip


def file_metadata(tags: dict[str, str], comment: str | None) -> dict[str, str]:
    """The film's own tags, with a comment added to the one there is."""
    kept = {key: value for key, value in tags.items() if key.lower() not in FILE_TAGS}
    if comment:
        key = next((key for key in kept if key.lower() == "comment"), "comment")
        old = kept.get(key, "")
        if comment not in old:
            kept[key] = f"{old} {comment}".strip()
    return kept


def film_metadata(tags: dict[str, str]) -> dict[str, str]:
    """Tags of the coloured stream, without those of its former coding."""
    return {key: value for key, value in tags.items() if not key.lower().startswith(CODING_TAGS)}
