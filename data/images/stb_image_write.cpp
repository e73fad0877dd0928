// The implementation of stb_image_write. It is never part of a unity build, since it defines many names.
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>
