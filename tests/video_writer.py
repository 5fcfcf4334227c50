"""The ffmpeg that writes the videos of tests: the wheel's starts in a fifth of Debian's time.

Which ffmpeg reads them is for each test to say.
"""

import imageio_ffmpeg

WRITER = str(imageio_ffmpeg.get_ffmpeg_exe())
