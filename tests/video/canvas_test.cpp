#include "runners/video/canvas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duet::video {
namespace {

using testing::ElementsAre;

constexpr envs::Color kRed{255, 0, 0};
constexpr envs::Color kBlue{0, 0, 255};

// Red, green and blue of a pixel.
std::vector<int> Pixel(const Image& image, int x, int y) {
  const auto bytes = image.pixel(x, y);
  return {bytes.begin(), bytes.end()};
}

envs::Drawing WorldOf(double width, double height) {
  envs::Drawing drawing;
  drawing.high = {width, height};
  return drawing;
}

// Number of pixels of exactly this colour.
int Count(const Image& image, std::vector<int> color) {
  int count = 0;
  for (int y = 0; y < image.size().height; ++y) {
    for (int x = 0; x < image.size().width; ++x) count += Pixel(image, x, y) == color;
  }
  return count;
}

TEST(PaintTest, APolygonCoversItsPixelsWithYUpwards) {
  envs::Drawing drawing = WorldOf(4.0, 4.0);
  drawing.AddPolygon({{1.0, 0.0}, {3.0, 0.0}, {3.0, 1.0}, {1.0, 1.0}}, kRed);
  const Image image = Paint(drawing, {40, 40});
  EXPECT_EQ(Count(image, {255, 0, 0}), 20 * 10);
  EXPECT_THAT(Pixel(image, 10, 39), ElementsAre(255, 0, 0));
  EXPECT_THAT(Pixel(image, 29, 30), ElementsAre(255, 0, 0));
  EXPECT_THAT(Pixel(image, 29, 29), ElementsAre(255, 255, 255));
  EXPECT_THAT(Pixel(image, 9, 39), ElementsAre(255, 255, 255));
}

TEST(PaintTest, TheWorldKeepsItsProportionsAndIsCentred) {
  envs::Drawing drawing = WorldOf(1.0, 1.0);
  drawing.background = {10, 20, 30};
  drawing.AddPolygon({{0.0, 0.0}, {1.0, 0.0}, {1.0, 1.0}, {0.0, 1.0}}, kRed);
  const Image wide = Paint(drawing, {60, 20});
  EXPECT_EQ(Count(wide, {255, 0, 0}), 20 * 20);
  EXPECT_THAT(Pixel(wide, 19, 10), ElementsAre(10, 20, 30));
  EXPECT_THAT(Pixel(wide, 20, 10), ElementsAre(255, 0, 0));
  EXPECT_THAT(Pixel(wide, 39, 10), ElementsAre(255, 0, 0));
  EXPECT_THAT(Pixel(wide, 40, 10), ElementsAre(10, 20, 30));
  const Image high = Paint(drawing, {20, 60});
  EXPECT_EQ(Count(high, {255, 0, 0}), 20 * 20);
  EXPECT_THAT(Pixel(high, 10, 19), ElementsAre(10, 20, 30));
}

TEST(PaintTest, AViewAwayFromTheOriginShowsWhatIsThere) {
  envs::Drawing drawing;
  drawing.low = {-3.0, 5.0};
  drawing.high = {-1.0, 7.0};
  drawing.AddPolygon({{-3.0, 6.0}, {-2.0, 6.0}, {-2.0, 7.0}, {-3.0, 7.0}}, kBlue);
  const Image image = Paint(drawing, {20, 20});
  EXPECT_EQ(Count(image, {0, 0, 255}), 100);
  EXPECT_THAT(Pixel(image, 0, 0), ElementsAre(0, 0, 255));
}

TEST(PaintTest, LinesHaveTheirWidthAndTheThinnestStillShow) {
  envs::Drawing drawing = WorldOf(10.0, 10.0);
  drawing.AddLine({{0.0, 2.0}, {10.0, 2.0}}, kRed, 2.0);
  drawing.AddLine({{0.0, 8.05}, {10.0, 8.05}}, kBlue);
  const Image image = Paint(drawing, {100, 100});
  EXPECT_EQ(Count(image, {255, 0, 0}), 100 * 20);
  EXPECT_EQ(Count(image, {0, 0, 255}), 100);
}

TEST(PaintTest, ACircleIsRound) {
  envs::Drawing drawing = WorldOf(10.0, 10.0);
  drawing.AddCircle({5.0, 5.0}, 4.0, kRed);
  const Image image = Paint(drawing, {100, 100});
  double area = 0.0;
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 100; ++x) area += (255 - image.pixel(x, y)[1]) / 255.0;
  }
  EXPECT_NEAR(area, 3.14159 * 40 * 40, 20);
  EXPECT_THAT(Pixel(image, 50, 12), ElementsAre(255, 0, 0));
  EXPECT_THAT(Pixel(image, 12, 12), ElementsAre(255, 255, 255));
}

TEST(PaintTest, LaterShapesCoverAndTranslucentOnesMix) {
  envs::Drawing drawing = WorldOf(1.0, 1.0);
  const std::vector<envs::Point> all{{0.0, 0.0}, {1.0, 0.0}, {1.0, 1.0}, {0.0, 1.0}};
  drawing.AddPolygon(all, kBlue);
  drawing.AddPolygon(all, kRed);
  EXPECT_THAT(Pixel(Paint(drawing, {4, 4}), 2, 2), ElementsAre(255, 0, 0));
  drawing.AddPolygon(all, {0, 0, 255, 51});
  EXPECT_THAT(Pixel(Paint(drawing, {4, 4}), 2, 2), ElementsAre(204, 0, 51));
}

}  // namespace
}  // namespace duet::video
