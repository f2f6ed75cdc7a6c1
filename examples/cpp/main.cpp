// Disparity of a rectified pair by ONNX Runtime: stereo FILE.onnx LEFT RIGHT OUT.tiff [cuda]
//
// FILE.onnx is written by `dsmnet export images=uint8`. OUT.tiff, or OUT.pfm, has float32 pixels.

#include <onnxruntime_cxx_api.h>

#include <array>
#include <exception>
#include <filesystem>
#include <iostream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>

// An image as the network takes it: rows of RGB bytes, without gaps.
cv::Mat read(const std::string& file) {
    cv::Mat image = cv::imread(file, cv::IMREAD_COLOR);
    if (image.empty()) throw std::runtime_error(file + ": expected an image");
    cv::Mat rgb;
    cv::cvtColor(image, rgb, cv::COLOR_BGR2RGB);
    return rgb;
}

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

int main(int count, char** arguments) {
    if (count < 5) {
        std::cerr << "usage: " << arguments[0] << " FILE.onnx LEFT RIGHT OUT.tiff [cuda]\n";
        return 1;
    }
    try {
        Stereo stereo(arguments[1], count > 5 && std::string(arguments[5]) == "cuda");
        cv::Mat left = read(arguments[2]), right = read(arguments[3]);
        if (!cv::imwrite(arguments[4], stereo.compute(left, right)))
            throw std::runtime_error(std::string(arguments[4]) + ": cannot be written");
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
