"""The library in five lines: a film and a folder of photos.

python examples/five_lines.py FILM PHOTO_FOLDER OUTPUT_FOLDER
"""

import sys
from pathlib import Path

from restore import Colorizer, colorize_photos, colorize_video

film, photos, output = map(Path, sys.argv[1:])
colorizer = Colorizer("pix2pix")
colorize_video(film, output / film.name, model=colorizer)
report = colorize_photos([photos], output, model=colorizer)
print(report.written, report.failed)
