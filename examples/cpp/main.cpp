// Disparity of a rectified pair by ONNX Runtime: stereo FILE.onnx LEFT RIGHT OUT.tiff [FOCAL BASELINE] [cuda]
//
// FILE.onnx is written by `dsmnet export images=uint8`. OUT.tiff, or OUT.pfm, has float32 pixels. With the focal
// length in pixels and the baseline in metres, distances are printed. docs/tutorials/cpp.md goes through this file.

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>
#include <vector>

// --8<-- [start:read]
// An image as the network takes it: rows of RGB bytes, without gaps.
cv::Mat read(const std::string& file) {
    cv::Mat image = cv::imread(file, cv::IMREAD_COLOR);
    if (image.empty()) throw std::runtime_error(file + ": expected an image");
    cv::Mat rgb;
    cv::cvtColor(image, rgb, cv::COLOR_BGR2RGB);
    return rgb;
}
// --8<-- [end:read]

// --8<-- [start:stereo]
class Stereo {
public:
    Stereo(const std::filesystem::path& model, bool cuda)
        : env(ORT_LOGGING_LEVEL_WARNING, "stereo"), session(env, model.c_str(), options(cuda)) {}

    // Both views RGB, of one size -> disparity of the left one in pixels, CV_32F.
    cv::Mat compute(cv::Mat& left, cv::Mat& right) {
        if (left.size() != right.size()) throw std::runtime_error("the views differ in size");
        const std::array<Ort::Value, 2> inputs = {tensor(left), tensor(right)};
        const char* names[] = {"left", "right"};
        const char* output = "disparity";
        auto found = session.Run(Ort::RunOptions{}, names, inputs.data(), 2, &output, 1);
        // The memory belongs to the tensor, which ends here.
        return cv::Mat(left.size(), CV_32F, found[0].GetTensorMutableData<float>()).clone();
    }

private:
    static Ort::SessionOptions options(bool cuda) {
        Ort::SessionOptions options;
        if (cuda) options.AppendExecutionProvider_CUDA(OrtCUDAProviderOptions{});
        return options;
    }

    static Ort::Value tensor(cv::Mat& image) {
        const std::array<int64_t, 4> shape = {1, image.rows, image.cols, 3};
        const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
        return Ort::Value::CreateTensor<uint8_t>(memory, image.data, image.total() * 3, shape.data(), shape.size());
    }

    Ort::Env env;
    Ort::Session session;
};
// --8<-- [end:stereo]

// --8<-- [start:depth]
// Prints metres along the optical axis, for views whose principal points are in the same column.
void print_depth(const cv::Mat& disparity, double focal, double baseline) {
    cv::Mat depth = focal * baseline / disparity;  // infinite where the disparity is 0
    std::vector<float> sorted(depth.begin<float>(), depth.end<float>());
    std::sort(sorted.begin(), sorted.end());
    std::cout << "middle  " << depth.at<float>(depth.rows / 2, depth.cols / 2) << " m\n"
              << "nearest " << sorted[sorted.size() / 100] << " m (1 % of the pixels are nearer)\n"
              << "median  " << sorted[sorted.size() / 2] << " m\n";
}
// --8<-- [end:depth]

// --8<-- [start:main]
double above_zero(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end || !(value > 0)) throw std::runtime_error(text + ": expected a number above 0");
    return value;
}

int main(int count, char** arguments) {
    const bool cuda = count > 5 && std::string(arguments[count - 1]) == "cuda";
    if (count - cuda != 5 && count - cuda != 7) {
        std::cerr << "usage: " << arguments[0] << " FILE.onnx LEFT RIGHT OUT.tiff [FOCAL BASELINE] [cuda]\n";
        return 1;
    }
    try {
        Stereo stereo(arguments[1], cuda);
        cv::Mat left = read(arguments[2]), right = read(arguments[3]);
        const cv::Mat disparity = stereo.compute(left, right);
        if (!cv::imwrite(arguments[4], disparity))
            throw std::runtime_error(std::string(arguments[4]) + ": cannot be written");
        if (count - cuda == 7) print_depth(disparity, above_zero(arguments[5]), above_zero(arguments[6]));
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
// --8<-- [end:main]
